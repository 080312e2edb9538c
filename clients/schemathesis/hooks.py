"""Keeps requests that x-rules refuse out of those that Schemathesis expects to be accepted.

x-rules are what the contract says across fields, where OpenAPI has no words for it, and x-exact-keys is
what it says of keys. Both are read from the spec under test, and rules are evaluated by their operators;
no rule and no field is known here by name.
"""

import re

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    """Keep a case that is meant to be refused, and one whose body obeys what its schema says beside OpenAPI."""
    if case.meta is not None and not case.meta.generation.mode.is_positive:
        return True
    if not isinstance(case.body, dict):
        return True
    spec = case.operation.schema.raw_schema
    schema = schema_of(spec, case)
    if schema.get("x-exact-keys") and not exact(spec, schema, case.body):
        return False
    return all(obeys(rule, case.body) for rule in schema.get("x-rules", []))


def schema_of(spec, case):
    """Find the schema that the case's body is of."""
    body = resolve(spec, case.operation.definition.raw.get("requestBody", {}))
    media = body.get("content", {}).get(case.media_type, {})
    return resolve(spec, media.get("schema", {}))


def exact(spec, schema, value):
    """Report whether no key equals a declared one but for its simple folding, in any object that declares some."""
    declared = schema.get("properties", {})
    if not isinstance(value, dict):
        return True
    folded = {fold(name) for name in declared}
    return all(
        exact(spec, resolve(spec, declared[key]), inner) if key in declared else fold(key) not in folded
        for key, inner in value.items()
    )


def fold(text):
    """Fold a text as the contract does: simply, each character to one."""
    return "".join(map(fold_one, text))


def fold_one(character):
    """Python folds fully, ß to ss. What that makes longer simply folds as it is lowered, or not at all."""
    return next((one for one in (character.casefold(), character.lower()) if len(one) == 1), character)


def resolve(spec, node):
    """Follow $ref within the spec."""
    while "$ref" in node:
        path = node["$ref"].removeprefix("#/").split("/")
        node = spec
        for key in path:
            node = node[key.replace("~1", "/").replace("~0", "~")]
    return node


def obeys(rule, body):
    """Where all of `when` holds, one of `require` has to hold."""
    if not holds(rule.get("when", {}), body):
        return True
    require = rule["require"]
    return any(holds(one, body) for one in (require if isinstance(require, list) else [require]))


def holds(tests, body):
    """Report whether an object of operators holds, each for all that it speaks of."""
    return all(OPERATORS[name](operand, body) for name, operand in tests.items())


def is_set(names, body):
    return all(body.get(name) is not None for name in names)


def equals(fields, body):
    return is_in({name: [value] for name, value in fields.items()}, body)


def is_in(fields, body):
    return all(
        name in body and any(same(body[name], value) for value in values) for name, values in fields.items()
    )


def greater(names, body):
    a, b = (body.get(name) for name in names)
    return is_number(a) and is_number(b) and a > b


def key_pattern(fields, body):
    return all(
        re.search(to_python(pattern), key) for name, pattern in fields.items() for key in body.get(name) or {}
    )


OPERATORS = {"set": is_set, "equals": equals, "in": is_in, "greater": greater, "keyPattern": key_pattern}


def same(a, b):
    """Equality of JSON, in which true is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def to_python(pattern):
    """Make `$` the end of the text alone, as it is elsewhere; Python has it before a last newline too."""
    return re.sub(r"(?<!\\)\$", r"\\Z", pattern)
