//! Condition and update expressions, parsed and evaluated in one pass.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::Value;

use super::{Attr, Item, attr};

/// Whether the condition is true for the item.
pub(super) fn holds(condition: &str, call: &Value, item: &Item) -> bool {
    let mut parser = Parser::new(condition, call, item);
    let holds = parser.any();
    assert_eq!(parser.tokens.next(), None, "text after the end of {condition}");
    holds
}

/// Applies the expression to the item. It reads all values from the item before the update.
pub(super) fn update(expression: &str, call: &Value, item: &mut Item) {
    let old = item.clone();
    let mut parser = Parser::new(expression, call, &old);
    let mut section = String::new();
    while let Some(token) = parser.tokens.next() {
        match token.as_str() {
            "SET" | "REMOVE" => section = token,
            "," => {}
            path if section == "SET" => {
                let name = parser.name(path);
                parser.expect("=");
                let value = parser.sum();
                item.insert(name, value.expect("SET needs a value"));
            }
            path => drop(item.remove(&parser.name(path))),
        }
    }
}

struct Parser<'a> {
    tokens: Peekable<IntoIter<String>>,
    call: &'a Value,
    item: &'a Item,
}

/// `None` if the values have different types or if one is missing.
fn compare(left: &Option<Attr>, right: &Option<Attr>) -> Option<Ordering> {
    match (left, right) {
        (Some(Attr::S(left)), Some(Attr::S(right))) => Some(left.cmp(right)),
        (Some(Attr::N(left)), Some(Attr::N(right))) => Some(left.cmp(right)),
        _ => None,
    }
}

fn tokens(text: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '#' | ':' | '_');
    let comparison = |c: char| matches!(c, '<' | '>' | '=');
    let mut tokens: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in text.chars() {
        let joined = word(c) && word(last) || comparison(c) && comparison(last);
        match tokens.last_mut() {
            Some(token) if joined => token.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        last = c;
    }
    tokens
}

impl<'a> Parser<'a> {
    fn new(text: &str, call: &'a Value, item: &'a Item) -> Self {
        Self { tokens: tokens(text).into_iter().peekable(), call, item }
    }

    fn consume(&mut self, token: &str) -> bool {
        self.tokens.next_if(|next| next == token).is_some()
    }

    fn expect(&mut self, token: &str) {
        assert_eq!(self.tokens.next().as_deref(), Some(token));
    }

    fn word(&mut self) -> String {
        self.tokens.next().expect("the expression should not end here")
    }

    // Both sides are parsed even if the first side decides, because parsing consumes the tokens.
    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.consume("OR") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.term();
        while self.consume("AND") {
            holds &= self.term();
        }
        holds
    }

    fn term(&mut self) -> bool {
        if self.consume("NOT") {
            return !self.term();
        }
        if self.consume("(") {
            let holds = self.any();
            self.expect(")");
            return holds;
        }
        for (function, wanted) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.consume(function) {
                return self.argument().is_some() == wanted;
            }
        }
        if self.consume("attribute_type") {
            return self.has_type();
        }
        self.comparison()
    }

    fn argument(&mut self) -> Option<Attr> {
        self.expect("(");
        let value = self.operand();
        self.expect(")");
        value
    }

    fn has_type(&mut self) -> bool {
        self.expect("(");
        let value = self.operand();
        self.expect(",");
        let wanted = self.operand();
        self.expect(")");
        let kind = value.map(|value| match value {
            Attr::S(_) => Attr::S("S".to_owned()),
            Attr::N(_) => Attr::S("N".to_owned()),
        });
        kind.is_some() && kind == wanted
    }

    fn comparison(&mut self) -> bool {
        let left = self.operand();
        let operator = self.word();
        if operator == "BETWEEN" {
            let low = self.operand();
            self.expect("AND");
            let high = self.operand();
            return compare(&left, &low).is_some_and(Ordering::is_ge)
                && compare(&left, &high).is_some_and(Ordering::is_le);
        }
        let right = self.operand();
        let ordering = compare(&left, &right);
        match operator.as_str() {
            "=" => ordering.is_some_and(|o| o.is_eq()),
            "<>" => !ordering.is_some_and(|o| o.is_eq()),
            "<" => ordering.is_some_and(|o| o.is_lt()),
            "<=" => ordering.is_some_and(|o| o.is_le()),
            ">" => ordering.is_some_and(|o| o.is_gt()),
            ">=" => ordering.is_some_and(|o| o.is_ge()),
            other => panic!("unknown operator {other}"),
        }
    }

    /// An operand, or the sum of two operands.
    fn sum(&mut self) -> Option<Attr> {
        let left = self.operand();
        if !self.consume("+") {
            return left;
        }
        match (left, self.operand()) {
            (Some(Attr::N(left)), Some(Attr::N(right))) => Some(Attr::N(left + right)),
            other => panic!("cannot add {other:?}"),
        }
    }

    fn operand(&mut self) -> Option<Attr> {
        if self.consume("if_not_exists") {
            self.expect("(");
            let path = self.operand();
            self.expect(",");
            let other = self.operand();
            self.expect(")");
            return path.or(other);
        }
        let word = self.word();
        if word.starts_with(':') {
            return Some(attr(&self.call["ExpressionAttributeValues"][&word]));
        }
        self.item.get(&self.name(&word)).cloned()
    }

    fn name(&self, path: &str) -> String {
        let name = self.call["ExpressionAttributeNames"][path].as_str();
        name.unwrap_or_else(|| panic!("ExpressionAttributeNames has no {path}")).to_owned()
    }
}
