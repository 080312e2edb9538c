"""Holds the hook to the contract: what it keeps out, the gateway refuses by x-exact-keys; nothing else."""

import unittest

import hooks

SCHEMA = {
    "properties": {
        "stream": {},
        "top_k": {},
        "straße": {},
        "ios": {},
        "options": {"$ref": "#/components/schemas/Options"},
    }
}
SPEC = {"components": {"schemas": {"Options": {"properties": {"include_usage": {}}}}}}


class ExactKeys(unittest.TestCase):
    def test_what_looks_like_a_declared_key(self):
        # ſ folds to s, the Kelvin sign to k, and ẞ to ß.
        for key in ["Stream", "STREAM", "ſtream", "ſTREAM", "top_\u212a", "STRAẞE", "ſtraße", "IOS"]:
            with self.subTest(key):
                self.assertFalse(hooks.exact(SPEC, SCHEMA, {key: 1}))

    def test_what_does_not(self):
        # Full folding makes ss of ß, and i with a dot above of İ. Neither İ nor ı is an i in any language but two.
        for key in ["stream", "strasse", "STRASSE", "\u0130os", "i\u0307os", "\u0131os", "\ufb06ream", "streams", ""]:
            with self.subTest(key):
                self.assertTrue(hooks.exact(SPEC, SCHEMA, {key: 1}))

    def test_objects_within(self):
        self.assertFalse(hooks.exact(SPEC, SCHEMA, {"options": {"Include_usage": True}}))
        self.assertTrue(hooks.exact(SPEC, SCHEMA, {"options": {"include_usage": True, "Stream": 1}}))
        self.assertTrue(hooks.exact(SPEC, SCHEMA, {"other": {"Stream": 1}}))

    def test_folding_keeps_the_number_of_characters(self):
        self.assertEqual([c for c in map(chr, range(0x110000)) if len(hooks.fold(c)) != 1], [])


if __name__ == "__main__":
    unittest.main()
