//! The schema as Python spells it: frozen dataclasses, enums of words, unions of variants.
//!
//! A variant that carries data is a class of its own; one that does not is a word. Knows no type of ours by name but
//! the two that Python has already: instants and durations.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

const HEAD: &str = r#""""What crosses the border: plain data, frozen, made from keywheel's model.

Made by `make heal`; do not edit. Instants are aware datetimes in UTC, durations are timedeltas, OCIDs and other names
are strings. A class of words (`KeyState`) is an enum of strings: later versions add words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Literal, TypeAlias

from ._data import Data, OpenWord

"#;

/// Words that Python keeps to itself and that the model may use for a field.
const KEYWORDS: &[&str] = &["class", "from", "global", "import", "is", "lambda", "pass", "raise", "with"];

/// The Python module of these definitions.
pub(crate) fn module(definitions: &Map<String, Value>) -> String {
    let mut writer = Writer {
        definitions,
        words: String::new(),
        classes: String::new(),
        variants: String::new(),
        aliases: String::new(),
        names: Vec::new(),
    };
    for (name, definition) in definitions {
        if name != "Duration" {
            writer.definition(name, definition);
        }
    }
    writer.names.sort();
    let all: String = writer.names.iter().map(|name| format!("    \"{name}\",\n")).collect();
    let Writer { words, classes, variants, aliases, .. } = writer;
    format!("{HEAD}__all__ = [\n{all}]\n\n\n{words}{classes}{variants}{}\n", aliases.trim_end())
}

struct Writer<'a> {
    definitions: &'a Map<String, Value>,
    words: String,
    classes: String,
    variants: String,
    aliases: String,
    names: Vec<String>,
}

impl Writer<'_> {
    fn definition(&mut self, name: &str, definition: &Value) {
        let doc = text(definition);
        let alternatives = definition["oneOf"].as_array().or_else(|| definition["anyOf"].as_array());
        if let Some(alternatives) = alternatives {
            self.alternatives(name, &doc, alternatives);
        } else if let Some(words) = definition["enum"].as_array() {
            let words: Vec<_> = words.iter().map(|word| (string(word), String::new())).collect();
            self.enumeration(name, &doc, &words, false);
        } else if definition["properties"].is_object() {
            let class = self.class(name, "Data", &doc, &[], definition);
            self.classes += &class;
        } else {
            let hint = hint(definition, self.definitions);
            writeln!(self.aliases, "{name}: TypeAlias = {hint}\n{}\n", docstring(&doc, "")).expect("a string");
            self.names.push(name.to_owned());
        }
    }

    fn alternatives(&mut self, name: &str, doc: &str, alternatives: &[Value]) {
        let (mut words, mut classes, mut is_open) = (Vec::new(), Vec::new(), false);
        for alternative in alternatives {
            if let Some(word) = alternative["const"].as_str() {
                words.push((word.to_owned(), text(alternative)));
            } else if let Some(several) = alternative["enum"].as_array() {
                words.extend(several.iter().map(|word| (string(word), String::new())));
            } else if alternative["type"] == "string" {
                is_open = true;
            } else {
                classes.push(self.variant(name, alternative));
            }
        }
        if !words.is_empty() {
            self.enumeration(name, doc, &words, is_open);
        } else {
            let union = classes.join(" | ");
            writeln!(self.aliases, "{name}: TypeAlias = {union}\n{}\n", docstring(doc, "")).expect("a string");
            self.names.push(name.to_owned());
        }
    }

    /// A variant with data: its tag stands beside its fields, or around them.
    fn variant(&mut self, union: &str, variant: &Value) -> String {
        let properties = variant["properties"].as_object().expect("a variant with data has properties");
        let tag = properties.iter().find_map(|(name, value)| Some((name.clone(), value["const"].as_str()?.to_owned())));
        let base = variant["$ref"].as_str().map_or("Data", reference);
        let (class, text) = match tag {
            Some((tag, word)) => {
                let class = format!("{union}{}", camel(&word));
                let marks = [
                    format!("{tag}: ClassVar[Literal[\"{word}\"]] = \"{word}\""),
                    format!("_tag: ClassVar[str] = \"{tag}\""),
                ];
                let mut rest = variant.clone();
                rest["properties"].as_object_mut().expect("as above").remove(&tag);
                (class.clone(), self.class(&class, base, &text(variant), &marks, &rest))
            }
            None => {
                let (word, inside) = properties.iter().next().expect("a variant has its word");
                let class = format!("{union}{}", camel(word));
                let is_spread = inside["properties"].is_object();
                let marks = [
                    format!("_word: ClassVar[str] = \"{word}\""),
                    format!("_is_spread: ClassVar[bool] = {}", if is_spread { "True" } else { "False" }),
                ];
                let fields = if is_spread { inside } else { variant };
                (class.clone(), self.class(&class, base, &text(variant), &marks, fields))
            }
        };
        self.variants += &text;
        class
    }

    fn class(&mut self, name: &str, base: &str, doc: &str, marks: &[String], object: &Value) -> String {
        self.names.push(name.to_owned());
        let mut out =
            format!("@dataclass(frozen=True, kw_only=True)\nclass {name}({base}):\n{}\n\n", docstring(doc, "    "));
        for mark in marks {
            writeln!(out, "    {mark}").expect("a string");
        }
        let empty = Map::new();
        let properties = object["properties"].as_object().unwrap_or(&empty);
        let required: Vec<_> = object["required"].as_array().into_iter().flatten().map(string).collect();
        // Required ones in the order of the model, then the others.
        let others = properties.keys().filter(|name| !required.contains(name));
        let order: Vec<_> = required.iter().filter(|name| properties.contains_key(*name)).chain(others).collect();
        for property in order {
            let schema = &properties[property];
            let hint = hint(schema, self.definitions);
            let default = match (required.contains(property), &schema["default"]) {
                (true, _) => String::new(),
                (false, Value::Bool(true)) => " = True".to_owned(),
                (false, Value::Bool(false)) => " = False".to_owned(),
                (false, _) if hint.ends_with("| None") => " = None".to_owned(),
                (false, _) if hint.starts_with("dict") => " = field(default_factory=dict)".to_owned(),
                (false, _) if hint.starts_with("list") => " = field(default_factory=list)".to_owned(),
                (false, _) => format!(" = field(default_factory=lambda: {hint}())"),
            };
            // A word of Python's own gets an underscore; `_data` takes it away again.
            let mark = if KEYWORDS.contains(&property.as_str()) { "_" } else { "" };
            writeln!(out, "    {property}{mark}: {hint}{default}").expect("a string");
            let doc = text(schema);
            if !doc.is_empty() {
                writeln!(out, "{}", docstring(&doc, "    ")).expect("a string");
            }
        }
        out + "\n\n"
    }

    fn enumeration(&mut self, name: &str, doc: &str, words: &[(String, String)], is_open: bool) {
        self.names.push(name.to_owned());
        let base = if is_open { "OpenWord" } else { "StrEnum" };
        writeln!(self.words, "class {name}({base}):\n{}\n", docstring(doc, "    ")).expect("a string");
        for (word, doc) in words {
            let member = word.to_uppercase().replace('-', "_");
            writeln!(self.words, "    {member} = \"{word}\"").expect("a string");
            if !doc.is_empty() {
                writeln!(self.words, "{}", docstring(doc, "    ")).expect("a string");
            }
        }
        self.words += "\n\n";
    }
}

/// A type as a hint. A union of words and classes is written out, so that a checker sees through it.
fn hint(schema: &Value, definitions: &Map<String, Value>) -> String {
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let hints: Vec<_> = alternatives.iter().map(|alternative| hint(alternative, definitions)).collect();
        return hints.join(" | ");
    }
    if let Some(path) = schema["$ref"].as_str() {
        let name = reference(path);
        if name == "Duration" {
            return "timedelta".to_owned();
        }
        let alternatives = definitions[name]["oneOf"].as_array().into_iter().flatten();
        let is_word = |alternative: &&Value| alternative["type"] == "string";
        let (words, classes): (Vec<_>, Vec<_>) = alternatives.partition(is_word);
        if words.is_empty() || classes.is_empty() {
            return name.to_owned();
        }
        let classes = classes.iter().filter_map(|class| class["properties"].as_object()?.keys().next());
        return std::iter::once(name.to_owned())
            .chain(classes.map(|word| format!("{name}{}", camel(word))))
            .collect::<Vec<_>>()
            .join(" | ");
    }
    let (of, or_none) = match &schema["type"] {
        Value::Array(types) => (types.iter().map(string).find(|name| name != "null").unwrap_or_default(), " | None"),
        name => (string(name), ""),
    };
    let hint = match of.as_str() {
        "string" if schema["format"] == "date-time" => "datetime".to_owned(),
        "string" => "str".to_owned(),
        "integer" => "int".to_owned(),
        "number" => "float".to_owned(),
        "boolean" => "bool".to_owned(),
        "array" => format!("list[{}]", hint(&schema["items"], definitions)),
        "object" => format!("dict[str, {}]", hint(&schema["additionalProperties"], definitions)),
        "null" => "None".to_owned(),
        other => panic!("no Python for {other:?} in {schema}"),
    };
    hint + or_none
}

fn reference(path: &str) -> &str {
    path.rsplit('/').next().expect("a reference has a last part")
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn camel(word: &str) -> String {
    let parts = word.split(['_', '-']).map(|part| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
    });
    parts.collect()
}

/// A description without Rust's links: [`Key::state`](path) is `Key.state`.
fn text(schema: &Value) -> String {
    let text = string(&schema["description"]).replace('\\', "\\\\").replace("::", ".");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((code, after)) = after.split_once("`]") else { break };
        out += before;
        write!(out, "`{code}`").expect("a string");
        rest = match after.strip_prefix('(').and_then(|path| path.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    out + rest
}

/// A docstring, wrapped at 120 characters.
fn docstring(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split("\n\n") {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let first = if lines.is_empty() { 3 } else { 0 };
            if !line.is_empty() && indent.len() + first + line.chars().count() + 1 + word.chars().count() > 117 {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    let (first, rest) = lines.split_first().expect("split gives at least one");
    let mut out = format!("{indent}\"\"\"{first}");
    for line in rest {
        out += "\n";
        if !line.is_empty() {
            out += indent;
            out += line;
        }
    }
    if !rest.is_empty() {
        write!(out, "\n{indent}").expect("a string");
    }
    out + "\"\"\""
}

#[test]
fn a_union_of_words_and_data_is_an_enum_and_classes() {
    let definitions: BTreeMap<&str, Value> = BTreeMap::from([(
        "Begun",
        serde_json::json!({"description": "How a step began, see [`A::b`](c).", "oneOf": [
            {"const": "done", "type": "string", "description": "It is done."},
            {"type": "object", "properties": {"working": {"type": "string"}}, "required": ["working"]},
        ]}),
    )]);
    let definitions: Map<String, Value> =
        definitions.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let module = module(&definitions);
    for piece in [
        "class Begun(StrEnum):\n    \"\"\"How a step began, see `A.b`.\"\"\"\n\n    DONE = \"done\"\n    \"\"\"It is done.\"\"\"",
        "class BegunWorking(Data):",
        "\n\n    _word: ClassVar[str] = \"working\"\n    _is_spread: ClassVar[bool] = False\n    working: str\n",
    ] {
        assert!(module.contains(piece), "{module}");
    }
    assert_eq!(hint(&serde_json::json!({"$ref": "#/$defs/Begun"}), &definitions), "Begun | BegunWorking");
}
