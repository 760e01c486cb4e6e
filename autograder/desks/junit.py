"""JUnit's XML, which every CI reads: a test case a question.

There is no standard; the elements are those of Jenkins' schema (junit-10.xsd), which the others
understand.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as xml


def told(result: dict) -> str:
    """The file's text. A question that lost points is a failure, an extra credit that did, skipped;
    one that was not asked is an error. Points stand as properties.
    """
    name = result["assignment"] or "unknown"
    cases = [_case(row, result) for row in result["questions"]]
    if not cases:
        cases = [_unknown(result)]
    counts = {kind: str(sum(len(c.findall(kind)) for c in cases)) for kind in KINDS}
    about = {
        "name": name,
        "tests": str(len(cases)),
        "failures": counts["failure"],
        "errors": counts["error"],
        "skipped": counts["skipped"],
        "time": f"{result['seconds']:.3f}",
    }
    suite = xml.Element("testsuite", about)
    properties = xml.SubElement(suite, "properties")
    for key in ("version", "score", "max_score", "rung", "seed"):
        _property(properties, key, "" if result[key] is None else result[key])
    suite.extend(cases)
    xml.SubElement(suite, "system-out").text = _plain("\n".join(result["notes"]))
    suites = xml.Element("testsuites")
    suites.append(suite)
    xml.indent(suites)
    return xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


KINDS = ("failure", "error", "skipped")


def _case(row: dict, result: dict) -> xml.Element:
    assignment, _, name = row["id"].partition(".")
    case = xml.Element("testcase", {"classname": assignment, "name": name, "time": "0"})
    properties = xml.SubElement(case, "properties")
    for key in ("score", "points", "mistake"):
        _property(properties, key, "" if row[key] is None else row[key])
    if row["passed"]:
        xml.SubElement(case, "system-out").text = _plain(row["feedback"])
        return case
    kind = "error" if result["rung"] is None else "skipped" if row["extra"] else "failure"
    said = {"message": _plain(_sentence(row))}
    if kind != "skipped":
        said["type"] = _plain(row["mistake"] or "not named")
    xml.SubElement(case, kind, said).text = _plain(row["feedback"])
    return case


def _unknown(result: dict) -> xml.Element:
    case = xml.Element("testcase", {"classname": "unknown", "name": "notebook", "time": "0"})
    said = result["notes"][0] if result["notes"] else "nothing was graded"
    xml.SubElement(case, "error", {"message": _plain(said), "type": "unread"})
    return case


def _sentence(row: dict) -> str:
    """What a log shows in a line: the last line says which mistake it is, where it is known."""
    lines = [line.strip() for line in row["feedback"].splitlines()]
    if row["mistake"]:
        return lines[-1]
    return next((line for line in lines[1:] if not line.startswith("passed:")), lines[0])


def _property(properties, name: str, value) -> None:
    xml.SubElement(properties, "property", {"name": name, "value": _plain(str(value))})


def _plain(text: str) -> str:
    """Text that XML 1.0 can hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
