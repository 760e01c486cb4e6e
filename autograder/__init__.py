"""What instructors have: the answer key, the examiner, the box, grading, reports."""

import sys

# jsonschema tries this package, which compiles a grammar for two seconds, to check addresses in
# Unicode. No notebook has any, and every command here would wait for it.
sys.modules.setdefault("rfc3987_syntax", None)
