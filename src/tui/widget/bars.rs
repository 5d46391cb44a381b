//! The bars above and below a screen: their rules, and words cut to their room.

use crate::tui::draw_text::rule;
use crate::tui::session::Env;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Leaves out parts between ` · ` from the left until the rest fits: what a summary says last matters most.
pub fn shed(words: &str, room: usize) -> &str {
    let mut rest = words;
    while crate::core::text::width(rest) > room {
        let Some((_, after)) = rest.split_once(" · ") else { break };
        rest = after;
    }
    rest
}

/// Draws the rule under the top bar (or under a screen's own header) with joints for upright rules.
pub fn head_rule(buf: &mut Buffer, area: Rect, y: u16, joints: &[u16], env: &Env) {
    rule(buf, area, y, joints, '┬', env.theme);
}

/// Draws the rule above the bottom line.
pub fn foot_rule(buf: &mut Buffer, area: Rect, y: u16, joints: &[u16], env: &Env) {
    rule(buf, area, y, joints, '┴', env.theme);
}

#[cfg(test)]
mod tests {
    use super::shed;

    #[test]
    fn a_summary_sheds_whole_parts_from_the_left() {
        let words = "60 prompts · 534 revisions · demo · judge recorded";
        assert_eq!(shed(words, 90), words);
        assert_eq!(shed(words, 28), "demo · judge recorded");
        assert_eq!(shed(words, 3), "judge recorded");
    }
}
