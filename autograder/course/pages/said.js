// What these pages say, in the course's language: {"English": "its own"}, as the server sends it.
const sentences = JSON.parse(document.body.dataset.said);

// A sentence with values in its braces, which a translation may number: "{1} of {0}".
function say(sentence, ...values) {
  const next = values.values();
  return (sentences[sentence] ?? sentence).replace(/\{(\d*)\}/g, (_, place) => (place ? values[Number(place)] : next.next().value));
}
