# SPDX-License-Identifier: GPL-2.0-only
"""The part of JSON Schema that docs/status.schema.json uses. An unknown keyword is an error, so
that no part of the schema is skipped. strict: a value that the schema does not describe is an
error, too, although readers would ignore it."""

import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
COMMENTS = {"$schema", "title", "description", "$defs"}


def load(name="status.schema.json"):
    for path in (f"{HERE}/{name}", f"{HERE}/../../docs/{name}"):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                return json.load(f)
    raise FileNotFoundError(name)


def is_kind(value, kind):
    return isinstance(value, KINDS[kind]) and not (kind == "integer" and isinstance(value, bool))


def same(a, b):
    return a == b and isinstance(a, bool) == isinstance(b, bool)


class Validator:
    def __init__(self, root, strict=False):
        self.root, self.strict = root, strict

    def check(self, value, schema=None, at="$"):
        """Returns the list of errors."""
        schema = self.root if schema is None else schema
        wrong = []
        for word, rule in schema.items():
            if word not in COMMENTS:
                wrong += [f"{at}: {problem}" if not problem.startswith("$") else problem
                          for problem in getattr(self, "_" + word.lstrip("$"))(value, rule, schema, at)]
        if self.strict and isinstance(value, dict) and "properties" in schema and "additionalProperties" not in schema:
            wrong += [f"{at}: {name} is not described" for name in value if name not in schema["properties"]]
        return wrong

    def _ref(self, value, rule, schema, at):
        target = self.root
        for part in rule.lstrip("#/").split("/"):
            target = target[part]
        return self.check(value, target, at)

    def _type(self, value, rule, schema, at):
        kinds = rule if isinstance(rule, list) else [rule]
        return [] if any(is_kind(value, k) for k in kinds) else [f"{value!r} is not {' or '.join(kinds)}"]

    def _const(self, value, rule, schema, at):
        return [] if same(value, rule) else [f"{value!r} is not {rule!r}"]

    def _enum(self, value, rule, schema, at):
        return [] if any(same(value, r) for r in rule) else [f"{value!r} is none of {rule}"]

    def _pattern(self, value, rule, schema, at):
        return [f"{value!r} does not match {rule}"] if isinstance(value, str) and not re.search(rule, value) else []

    def _minimum(self, value, rule, schema, at):
        return [f"{value} is less than {rule}"] if is_kind(value, "integer") and value < rule else []

    def _maximum(self, value, rule, schema, at):
        return [f"{value} is more than {rule}"] if is_kind(value, "integer") and value > rule else []

    def _required(self, value, rule, schema, at):
        return [f"{name} is missing" for name in rule if name not in value] if isinstance(value, dict) else []

    def _properties(self, value, rule, schema, at):
        if not isinstance(value, dict):
            return []
        return [p for name in rule if name in value for p in self.check(value[name], rule[name], f"{at}.{name}")]

    def _additionalProperties(self, value, rule, schema, at):
        if not isinstance(value, dict):
            return []
        return [p for name in value if name not in schema.get("properties", {})
                for p in self.check(value[name], rule, f"{at}.{name}")]

    def _propertyNames(self, value, rule, schema, at):
        return [p for name in value for p in self.check(name, rule, f"{at}.{name}")] if isinstance(value, dict) else []

    def _items(self, value, rule, schema, at):
        if not isinstance(value, list):
            return []
        return [p for i, item in enumerate(value) for p in self.check(item, rule, f"{at}[{i}]")]

    def _minItems(self, value, rule, schema, at):
        return [] if not isinstance(value, list) or len(value) >= rule else [f"{value!r} has fewer than {rule} items"]

    def _maxItems(self, value, rule, schema, at):
        return [f"more than {rule} items"] if isinstance(value, list) and len(value) > rule else []

    def _uniqueItems(self, value, rule, schema, at):
        if not isinstance(value, list) or not rule:
            return []
        return ["an item comes twice"] if any(v in value[:i] for i, v in enumerate(value)) else []
