//! Resource Search's query language, the part that oci-api §4 describes.
//!
//! Parses a query and says whether a resource matches. What is indexed, and since when, is `search`.

use super::search::ResourceSummary;

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// Types wanted, in lower case; empty: all.
    types: Vec<String>,
    /// Whether additional details were asked for.
    pub(super) wants_details: bool,
    condition: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Compare { field: String, operator: Operator, value: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// `=~`, without case.
    Contains,
    /// `=`, without case.
    Like,
    /// `==`.
    Same,
    /// `!=`, without case.
    Unlike,
    /// `!==`.
    NotSame,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    And,
    Close,
    Comma,
    Open,
    Operator(Operator),
    Or,
    Text(String),
    Word(String),
}

type Parsed<T> = Result<T, String>;

impl Query {
    /// Parses a structured query.
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        let mut parser = Parser { tokens: tokens(text)?, place: 0 };
        parser.word("query")?;
        let types = parser.types()?;
        parser.word("resources")?;
        let wants_details = parser.returns(&types)?;
        let condition = if parser.take_word("where") { Some(parser.any()?) } else { None };
        parser.sorting()?;
        match parser.tokens.get(parser.place) {
            None => Ok(Self { types, wants_details, condition }),
            Some(token) => Err(format!("the query is not understood at {token:?}")),
        }
    }

    /// Whether a resource is wanted.
    pub(super) fn matches(&self, resource: &ResourceSummary) -> bool {
        let is_of_type = self.types.is_empty()
            || self.types.iter().any(|wanted| resource.resource_type.eq_ignore_ascii_case(wanted));
        is_of_type && self.condition.as_ref().is_none_or(|condition| condition.holds(resource))
    }
}

impl Condition {
    fn holds(&self, resource: &ResourceSummary) -> bool {
        match self {
            Self::All(all) => all.iter().all(|condition| condition.holds(resource)),
            Self::Any(any) => any.iter().any(|condition| condition.holds(resource)),
            Self::Compare { field, operator, value } => operator.holds(&values(resource, field), value),
        }
    }
}

impl Operator {
    /// A field may have several values (tags): one that fits is enough, and for `!=` none may fit.
    fn holds(self, values: &[&str], wanted: &str) -> bool {
        let like = |value: &&str| value.to_lowercase() == wanted.to_lowercase();
        let same = |value: &&str| *value == wanted;
        match self {
            Self::Contains => values.iter().any(|value| value.to_lowercase().contains(&wanted.to_lowercase())),
            Self::Like => values.iter().any(like),
            Self::NotSame => !values.iter().any(same),
            Self::Same => values.iter().any(same),
            Self::Unlike => !values.iter().any(like),
        }
    }
}

/// Values of a field. Tag predicates are not bound to one entry: key and value may fit on different tags
/// (oci-api §4: unverified, so World takes the reading that asks more of the caller).
fn values<'r>(resource: &'r ResourceSummary, field: &str) -> Vec<&'r str> {
    let tags = &resource.tags;
    match field.to_lowercase().as_str() {
        "compartmentid" => vec![resource.compartment.as_str()],
        "definedtags.key" => tags.defined.values().flat_map(|keys| keys.keys()).map(String::as_str).collect(),
        "definedtags.namespace" => tags.defined.keys().map(String::as_str).collect(),
        "definedtags.value" => tags.defined.values().flat_map(|keys| keys.values()).map(String::as_str).collect(),
        "displayname" => vec![resource.display_name.as_str()],
        "freeformtags.key" => tags.freeform.keys().map(String::as_str).collect(),
        "freeformtags.value" => tags.freeform.values().map(String::as_str).collect(),
        "identifier" => vec![resource.identifier.as_str()],
        "lifecyclestate" => vec![resource.lifecycle_state.as_str()],
        "resourcetype" => vec![resource.resource_type],
        other => {
            let found = resource.additional.iter().find(|(name, _)| name.to_lowercase() == other);
            found.map(|(_, value)| value.as_str()).into_iter().collect()
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    place: usize,
}

impl Parser {
    fn next(&mut self) -> Parsed<Token> {
        let token = self.tokens.get(self.place).cloned().ok_or("the query ends too early")?;
        self.place += 1;
        Ok(token)
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let is_there = self.tokens.get(self.place) == Some(wanted);
        self.place += usize::from(is_there);
        is_there
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let is_there =
            matches!(self.tokens.get(self.place), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.place += usize::from(is_there);
        is_there
    }

    fn word(&mut self, wanted: &str) -> Parsed<()> {
        if self.take_word(wanted) { Ok(()) } else { Err(format!("the query lacks {wanted:?}")) }
    }

    fn any_word(&mut self) -> Parsed<String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            token => Err(format!("a word is expected, not {token:?}")),
        }
    }

    fn types(&mut self) -> Parsed<Vec<String>> {
        if self.take_word("all") {
            return Ok(Vec::new());
        }
        let mut types = vec![self.any_word()?.to_lowercase()];
        while self.take(&Token::Comma) {
            types.push(self.any_word()?.to_lowercase());
        }
        Ok(types)
    }

    fn returns(&mut self, types: &[String]) -> Parsed<bool> {
        if !self.take_word("return") {
            return Ok(false);
        }
        if types.len() != 1 {
            return Err("return is allowed with a single resource type only".to_owned());
        }
        self.any_word()?;
        while self.take(&Token::Comma) {
            self.any_word()?;
        }
        Ok(true)
    }

    fn sorting(&mut self) -> Parsed<()> {
        if self.take_word("sorted") {
            self.word("by")?;
            self.any_word()?;
            let _ = self.take_word("asc") || self.take_word("desc");
        }
        Ok(())
    }

    /// One level of conditions; mixing `&&` and `||` without parentheses is refused.
    fn any(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.one()?];
        let joint = match self.tokens.get(self.place) {
            Some(token @ (Token::And | Token::Or)) => token.clone(),
            _ => return Ok(parts.swap_remove(0)),
        };
        while self.take(&joint) {
            parts.push(self.one()?);
        }
        match (self.tokens.get(self.place), &joint) {
            (Some(Token::And | Token::Or), _) => Err("mixing && and || needs parentheses".to_owned()),
            (_, Token::And) => Ok(Condition::All(parts)),
            _ => Ok(Condition::Any(parts)),
        }
    }

    fn one(&mut self) -> Parsed<Condition> {
        if self.take(&Token::Open) {
            let inner = self.any()?;
            return if self.take(&Token::Close) { Ok(inner) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let field = self.any_word()?;
        let Token::Operator(operator) = self.next()? else {
            return Err(format!("an operator is expected after {field:?}"));
        };
        match self.next()? {
            Token::Text(value) => Ok(Condition::Compare { field, operator, value }),
            token => Err(format!("a text in quotes is expected, not {token:?}")),
        }
    }
}

/// Longest first, so that `==` is not read as `=` twice.
const SIGNS: [(&str, Token); 10] = [
    ("!==", Token::Operator(Operator::NotSame)),
    ("!=", Token::Operator(Operator::Unlike)),
    ("==", Token::Operator(Operator::Same)),
    ("=~", Token::Operator(Operator::Contains)),
    ("=", Token::Operator(Operator::Like)),
    ("&&", Token::And),
    ("||", Token::Or),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
];

fn tokens(text: &str) -> Parsed<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            tokens.push(token.clone());
            rest = &rest[sign.len()..];
        } else if first == '\'' || first == '"' {
            let inner = &rest[1..];
            let end = inner.find(first).ok_or("a text is not closed")?;
            tokens.push(Token::Text(inner[..end].to_owned()));
            rest = &inner[end + 1..];
        } else {
            let is_word = |c: char| c.is_alphanumeric() || "._-".contains(c);
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("the query is not understood at {first:?}"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}
