# SPDX-License-Identifier: Apache-2.0
"""docs/schema/stekctl.json: holds documents to it, and shows that it refuses wrong ones."""

import copy
import json
import os

import jsonschema

from harness import require

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs", "schema",
                    "stekctl.json")


class Schema:
    def __init__(self):
        with open(PATH, encoding="utf-8") as file:
            self.schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(self.schema)
        self.validators = {}
        self.samples = {}  # verb -> documents, each another shape
        self.documents = 0

    def validator(self, verb):
        """Of one object, for its errors name a place; the whole has one alternative a verb."""
        if verb not in self.validators:
            require("verb_" + verb in self.schema["$defs"], f"the schema has no verb {verb}")
            self.validators[verb] = jsonschema.Draft202012Validator(
                {**self.schema, "oneOf": [{"$ref": "#/$defs/verb_" + verb}]})
        return self.validators[verb]

    def check(self, text, verb, state):
        document = json.loads(text)
        part = jsonschema.Draft202012Validator(
            {"$ref": "#/$defs/verb_" + verb, "$defs": self.schema["$defs"]})
        errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                  for e in part.iter_errors(document)]
        require(not errors, f"{verb}, {state}: {errors[:5]}")
        self.documents += 1
        samples = self.samples.setdefault(verb, [])
        if all(shape(sample) != shape(document) for sample in samples):
            samples.append(document)
        return document

    def check_descriptions(self):
        """Every member says what it is; every object says that there are no others."""
        count = 0
        for place, node in walk_schema(self.schema["$defs"], ""):
            if node.get("type") == "object":
                require(node.get("additionalProperties") is False, f"{place} is open")
                require(sorted(node["required"]) == sorted(node["properties"]),
                        f"{place}: some members are optional")
            for name, member in node.get("properties", {}).items():
                require("description" in member or "$ref" in member, f"{place}/{name}: no word")
                count += 1
        return count

    def check_refusals(self):
        """Each sample with one thing wrong is refused. How many there were."""
        count, seen = 0, set()
        for verb, documents in self.samples.items():
            validator = self.validator(verb)
            for document in documents:
                require(validator.is_valid(document), f"{verb}: refused as a whole")
                for what, wrong in mutations(document):
                    if (verb, what) in seen:
                        continue
                    seen.add((verb, what))
                    require(not validator.is_valid(wrong), f"{verb} with {what} passes")
                    count += 1
        return count

    def unseen(self):
        """Verbs that no document was seen of."""
        return {name[5:] for name in self.schema["$defs"] if name.startswith("verb_")} - \
            self.samples.keys()


def walk_schema(node, place):
    if isinstance(node, dict):
        yield place, node
        for name, child in node.items():
            yield from walk_schema(child, f"{place}/{name}")
    elif isinstance(node, list):
        for child in node:
            yield from walk_schema(child, place)


def shape(value):
    """Which members there are, of which types; of lists, of which kinds."""
    if isinstance(value, dict):
        return tuple((name, shape(child)) for name, child in value.items())
    if isinstance(value, list):
        return tuple(sorted({repr(shape(child)) for child in value}))
    return type(value).__name__


WRONG = {str: 1, bool: "yes", int: "1", float: "1", type(None): [], dict: [], list: {}}


def places(value, path=()):
    yield path, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from places(child, path + (name,))
    elif isinstance(value, list) and value:
        yield from places(value[0], path + (0,))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def mutations(document):
    """(what, document) with a member missing, of a wrong type, or one too many."""
    for path, value in places(document):
        name = "/".join(map(str, path))
        if isinstance(value, dict):
            wrong = copy.deepcopy(document)
            at(wrong, path)["more"] = 1
            yield f"more in /{name}", wrong
        if not path:
            continue
        wrong = copy.deepcopy(document)
        at(wrong, path[:-1])[path[-1]] = WRONG[type(value)]
        yield f"{type(value).__name__} /{name} as {WRONG[type(value)]!r}", wrong
        if isinstance(path[-1], str):
            wrong = copy.deepcopy(document)
            del at(wrong, path[:-1])[path[-1]]
            yield f"/{name} missing", wrong
