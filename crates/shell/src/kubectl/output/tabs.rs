//! Cells with tabs between them → columns, as Go's `text/tabwriter` sets them.
//!
//! A column is as wide as its widest cell among the *consecutive* lines that have a cell there which
//! a tab ends; what stands behind the last tab of a line belongs to no column.

/// Sets `text` with two blanks between columns, as `kubectl describe` does.
pub(crate) fn aligned(text: &str) -> String {
    with_padding(text, 2)
}

pub(crate) fn with_padding(text: &str, padding: usize) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|it| it.split('\t').collect()).collect();
    let mut writer = Writer { lines: &lines, padding, widths: Vec::new(), res: String::new() };
    writer.format(0, lines.len());
    // Every line was ended, the last one too.
    writer.res.pop();
    writer.res
}

struct Writer<'a> {
    lines: &'a [Vec<&'a str>],
    padding: usize,
    widths: Vec<usize>,
    res: String,
}

impl Writer<'_> {
    fn has_cell(&self, line: usize) -> bool {
        self.widths.len() + 1 < self.lines[line].len()
    }

    /// `Writer.format`: finds the blocks of the next column and does the rest to their right.
    fn format(&mut self, from: usize, to: usize) {
        let mut done = from;
        let mut at = from;
        while at < to {
            if !self.has_cell(at) {
                at += 1;
                continue;
            }
            self.write(done, at);
            done = at;
            while at < to && self.has_cell(at) {
                at += 1;
            }
            let column = self.widths.len();
            let cells = self.lines[done..at].iter().map(|line| line[column].chars().count());
            let width = cells.max().unwrap_or(0) + self.padding;
            self.widths.push(width);
            self.format(done, at);
            self.widths.pop();
            done = at;
        }
        self.write(done, to);
    }

    fn write(&mut self, from: usize, to: usize) {
        for line in &self.lines[from..to] {
            for (index, cell) in line.iter().enumerate() {
                self.res.push_str(cell);
                if let Some(width) = self.widths.get(index) {
                    self.res.push_str(&" ".repeat(width.saturating_sub(cell.chars().count())));
                }
            }
            self.res.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_ends_where_a_line_has_no_cell_in_it() {
        let text = "Name:\tweb\nIPs:\n  IP:\t10.0.0.1\nControlled By:\tx\n";
        let expected = "Name:  web\nIPs:\n  IP:           10.0.0.1\nControlled By:  x\n";
        assert_eq!(aligned(text), expected);
        assert_eq!(aligned("a\tb\tc\nlong\td\te\n"), "a     b  c\nlong  d  e\n");
    }
}
