//! Walks a JSON text that is known to be valid, without building a tree.

use std::borrow::Cow;

/// One step of the walk. A key of an object is a `Text` before its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    ArrayStart,
    ArrayEnd,
    ObjectStart,
    ObjectEnd,
    Null,
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// A string whose escapes are no Unicode.
    BrokenText,
}

/// The tokens of a valid JSON text; commas and colons are passed over.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn string(&mut self) -> Token<'a> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let Some(quoted) = self.text.get(start..self.at) else {
            self.at = bytes.len();
            return Token::BrokenText;
        };
        if escaped {
            return serde_json::from_str(quoted)
                .map_or(Token::BrokenText, |text: String| Token::Text(text.into()));
        }
        Token::Text(Cow::Borrowed(&quoted[1..quoted.len() - 1]))
    }

    fn word(&mut self) -> Token<'a> {
        let rest = &self.text[self.at..];
        let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
        let end = rest.as_bytes().iter().position(ends).unwrap_or(rest.len());
        self.at += end;
        match &rest[..end] {
            "null" => Token::Null,
            "true" => Token::Bool(true),
            "false" => Token::Bool(false),
            number => Token::Number(number),
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b',' | b':' | b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        let mark = match *bytes.get(self.at)? {
            b'"' => return Some(self.string()),
            b'[' => Token::ArrayStart,
            b']' => Token::ArrayEnd,
            b'{' => Token::ObjectStart,
            b'}' => Token::ObjectEnd,
            _ => return Some(self.word()),
        };
        self.at += 1;
        Some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_falls_into_its_tokens() {
        let text = r#" { "a" : [1, -2.5e3,null , true,false], "b\n\u00e9":"x\"y", "c":"\ud800"} "#;
        let tokens: Vec<_> = Tokens::new(text).collect();
        assert_eq!(
            tokens,
            [
                Token::ObjectStart,
                Token::Text("a".into()),
                Token::ArrayStart,
                Token::Number("1"),
                Token::Number("-2.5e3"),
                Token::Null,
                Token::Bool(true),
                Token::Bool(false),
                Token::ArrayEnd,
                Token::Text("b\n\u{e9}".into()),
                Token::Text("x\"y".into()),
                Token::Text("c".into()),
                Token::BrokenText,
                Token::ObjectEnd,
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn even_an_invalid_text_ends_without_a_panic(text: String) {
            let _ = Tokens::new(&text).count();
        }
    }
}
