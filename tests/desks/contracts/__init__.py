"""The rules of each desk's contract, read from its public documents; `broken(form, text)` applies
them.
"""

import json
from pathlib import Path
from xml.etree import ElementTree as xml

import jsonschema

HERE = Path(__file__).parent
OURS = HERE.parents[2] / "autograder" / "desks" / "result.schema.json"
LARGEST = 1_000_000  # bytes that PrairieLearn takes


def broken(form: str, text: str) -> list[str]:
    """What in a file breaks the contract of its desk."""
    if form == "markdown":  # no contract but that it is text
        return [] if text.startswith("# ") else ["it does not begin with a heading"]
    if form == "junit":
        return _broken_xml(xml.fromstring(text), json.loads((HERE / "junit.json").read_text()))
    schema = json.loads((OURS if form == "json" else HERE / f"{form}.schema.json").read_text())
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    found = [f"{list(e.path)}: {e.message}" for e in kind(schema).iter_errors(json.loads(text))]
    if form == "prairielearn" and len(text.encode()) > LARGEST:
        found.append("too large")
    return found


def _broken_xml(element, rules) -> list[str]:
    if element.tag not in rules:
        return [f"unknown element {element.tag}"]
    rule = rules[element.tag]
    found = [f"{element.tag} lacks {a}" for a in rule["required"] if a not in element.attrib]
    allowed = {*rule["required"], *rule["optional"]}
    found += [f"{element.tag} has {a}" for a in element.attrib if a not in allowed]
    for child in element:
        if child.tag not in rule["children"]:
            found.append(f"{child.tag} in {element.tag}")
        found += _broken_xml(child, rules)
    return found
