//! Words of UCI's text: blanks separate, quotes and backslashes protect, `#` begins a comment.

use std::str::Chars;

/// What is wrong with a line.
pub(crate) type Reason = &'static str;

pub(crate) struct Words<'text> {
    rest: Chars<'text>,
    line: usize,
}

impl<'text> Words<'text> {
    pub(crate) fn new(text: &'text str) -> Self {
        Self { rest: text.chars(), line: 1 }
    }

    /// Number of the current line, from 1.
    pub(crate) const fn line(&self) -> usize {
        self.line
    }

    /// The first word of the next line that has one; `None` at the end of the text.
    pub(crate) fn command(&mut self) -> Option<String> {
        loop {
            match self.peek()? {
                '#' => self.skip_line(),
                next if is_blank(next) => {
                    self.take();
                }
                _ => break,
            }
        }
        let mut word = String::new();
        while let Some(next) = self.peek().filter(|next| !matches!(next, ' ' | '\t' | '\n')) {
            self.take();
            word.push(next);
        }
        Some(word)
    }

    /// The next word of this line, empty where it is an empty pair of quotes; `None` at its end.
    pub(crate) fn word(&mut self) -> Result<Option<String>, Reason> {
        while self.peek().is_some_and(|next| next != '\n' && is_blank(next)) {
            self.take();
        }
        match self.peek() {
            None | Some('\n' | '#') => return Ok(None),
            Some(_) => {}
        }
        let mut word = String::new();
        while let Some(next) = self.peek().filter(|next| !is_blank(*next) && *next != '#') {
            self.take();
            match next {
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '\\' => self.escaped(&mut word),
                ';' => return Err("an unquoted ; separates commands, which is not read here"),
                '\0' => return Err("there is a NUL byte"),
                _ => word.push(next),
            }
        }
        Ok(Some(word))
    }

    /// Nothing but a comment may follow on this line.
    pub(crate) fn end_of_line(&mut self) -> Result<(), Reason> {
        match self.word()? {
            Some(_) => Err("there is a word too many"),
            None => Ok(()),
        }
    }

    pub(crate) fn skip_line(&mut self) {
        while self.take().is_some_and(|taken| taken != '\n') {}
    }

    pub(crate) fn at_end(&self) -> bool {
        self.peek().is_none()
    }

    fn single_quoted(&mut self, word: &mut String) -> Result<(), Reason> {
        loop {
            match self.take() {
                None => return Err("a ' is not closed"),
                Some('\0') => return Err("there is a NUL byte"),
                Some('\'') => return Ok(()),
                Some(other) => word.push(other),
            }
        }
    }

    fn double_quoted(&mut self, word: &mut String) -> Result<(), Reason> {
        loop {
            match self.take() {
                None => return Err("a \" is not closed"),
                Some('\0') => return Err("there is a NUL byte"),
                Some('"') => return Ok(()),
                Some('\\') => self.escaped(word),
                Some(other) => word.push(other),
            }
        }
    }

    /// Behind a backslash: the end of a line is left out, anything else stands for itself.
    pub(crate) fn escaped(&mut self, word: &mut String) {
        let mut ahead = self.rest.clone();
        if (ahead.next(), ahead.next()) == (Some('\r'), Some('\n')) {
            self.take();
        }
        match self.take() {
            None | Some('\n') => {}
            Some(other) => word.push(other),
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.rest.next();
        self.line += usize::from(taken == Some('\n'));
        taken
    }
}

/// C's `isspace`.
const fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t'..='\r')
}

/// A value in single quotes: the shell, `uci batch` and the files read them alike.
#[must_use]
pub fn quoted(value: &str) -> String {
    format!("'{}'", escaped(value))
}

pub(crate) fn escaped(value: &str) -> String {
    value.replace('\'', r"'\''")
}
