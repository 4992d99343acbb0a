//! Text that is written line by line, where every line begins with what its surroundings want: a quotation's sign, a list's
//! blanks.

/// The text so far.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    text: String,
    units: usize,
    /// What every further line begins with.
    prefix: String,
    /// A line has ended and the next one's prefix is not yet written.
    at_start: bool,
}

impl Lines {
    /// Nothing yet, with the same surroundings.
    #[must_use]
    pub fn inside(&self) -> Self {
        Self {
            prefix: self.prefix.clone(),
            ..Self::default()
        }
    }

    /// What is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is written.
    pub fn into_string(self) -> String {
        self.text
    }

    /// How long it is, in UTF-16 units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// Whether lines begin with nothing.
    pub fn is_outermost(&self) -> bool {
        self.prefix.is_empty()
    }

    /// Whether nothing is on the line yet.
    pub fn is_at_start(&self) -> bool {
        self.at_start || self.line().is_empty()
    }

    /// The line so far, without what every line begins with.
    pub fn line(&self) -> &str {
        let line = self.text.rsplit('\n').next().unwrap_or_default();
        line.strip_prefix(&self.prefix).unwrap_or(line)
    }

    /// The last character.
    pub fn last(&self) -> Option<char> {
        self.text.chars().next_back()
    }

    /// Writes text; a line feed in it ends a line.
    pub fn put(&mut self, text: &str) {
        for (nth, line) in text.split('\n').enumerate() {
            if nth > 0 {
                if self.at_start {
                    // A line with nothing on it still belongs to its surroundings.
                    self.begin();
                }
                self.add("\n");
                self.at_start = true;
            }
            if !line.is_empty() {
                self.begin();
                self.add(line);
            }
        }
    }

    /// Writes a character that ends no line.
    pub fn push(&mut self, c: char) {
        self.begin();
        self.add(c.encode_utf8(&mut [0; 4]));
    }

    /// Writes what was written [`Lines::inside`].
    pub fn append(&mut self, inner: &Self) {
        self.begin();
        self.add(&inner.text);
    }

    /// Begins the line, if it has not begun.
    pub fn begin(&mut self) {
        if std::mem::take(&mut self.at_start) {
            self.text.push_str(&self.prefix);
            self.units += self.prefix.encode_utf16().count();
        }
    }

    /// Writes a sign; from then on every line begins with `indent` as well. What it began with before: for
    /// [`Lines::leave`].
    pub fn enter(&mut self, sign: &str, indent: &str) -> usize {
        self.put(sign);
        let outer = self.prefix.len();
        self.prefix.push_str(indent);
        outer
    }

    /// Every line begins with what it began with before.
    pub fn leave(&mut self, outer: usize) {
        self.prefix.truncate(outer);
    }

    /// From now on lines begin with nothing, the first of them a new one. What they began with: for [`Lines::leave_margin`].
    pub fn enter_margin(&mut self) -> String {
        let outer = std::mem::take(&mut self.prefix);
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.put("\n");
        }
        outer
    }

    /// Every line begins with what it began with before.
    pub fn leave_margin(&mut self, outer: String) {
        self.prefix = outer;
    }

    /// Writes something on lines of its own that begin with nothing.
    pub fn put_at_margin(&mut self, text: &str) {
        let outer = self.enter_margin();
        self.put(text);
        self.leave_margin(outer);
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        self.units += text.encode_utf16().count();
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn every_line_begins_with_what_its_surroundings_want() {
        let mut lines = Lines::default();
        lines.put("a");
        lines.put("\n");
        let quote = lines.enter("> ", "> ");
        assert!(lines.is_at_start());
        lines.put("b\n\nc");
        let mut inner = lines.inside();
        inner.put("d\ne");
        lines.append(&inner);
        assert_eq!((lines.line(), lines.last()), ("e", Some('e')));
        lines.put_at_margin("code\ncode");
        lines.leave(quote);
        lines.put("\nf😀");
        lines.push('g');
        let units = lines.as_str().encode_utf16().count();
        assert_eq!(lines.units(), units);
        assert_eq!(lines.as_str(), "a\n> b\n> \n> cd\n> e\ncode\ncode\nf😀g");
    }
}
