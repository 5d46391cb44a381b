//! Goes through a text that may hold JSON, character by character: what stands in a string, in a comment, or is structure.

/// Walks the text of an object, knowing what is string and what is comment.
#[derive(Default)]
pub(super) struct Walker {
    in_string: bool,
    escaped: bool,
    in_comment: bool,
    slash: bool,
}

/// What a character is to a [`Walker`].
#[derive(PartialEq, Eq, Clone, Copy)]
pub(super) enum CharKind {
    /// Part of the JSON itself.
    Structure,
    /// Inside a string, quotation marks included.
    Text,
    /// Inside a comment, from its second slash on.
    Comment,
}

impl Walker {
    pub fn step(&mut self, c: char) -> CharKind {
        if self.in_comment {
            self.in_comment = c != '\n';
            return if self.in_comment { CharKind::Comment } else { CharKind::Structure };
        }
        if self.in_string {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return CharKind::Text;
        }
        let second_slash = self.slash && c == '/';
        self.slash = c == '/' && !second_slash;
        if second_slash {
            self.in_comment = true;
            return CharKind::Comment;
        }
        if c == '"' {
            self.in_string = true;
            return CharKind::Text;
        }
        CharKind::Structure
    }
}
