//! The mouse: a click selects a row, a tab or a key of the bottom line, the wheel moves, and rules between panes are
//! dragged. It never confirms anything: an open question takes keys only.

use super::App;
use crate::tui::context::Context;
use crate::tui::keys::Action;
use crate::tui::msg::Effect;
use crate::tui::overlay::Layer;
use crate::tui::route::Nav;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// Rows that one step of the wheel moves.
const STEP: usize = 3;

impl App {
    /// Takes a press, a release or a step of the wheel.
    pub(super) fn mouse(&mut self, event: &MouseEvent) -> Vec<Effect> {
        let at = Position { x: event.column, y: event.row };
        let wheel = match event.kind {
            MouseEventKind::ScrollDown => Some((Action::Down, KeyCode::Down)),
            MouseEventKind::ScrollUp => Some((Action::Up, KeyCode::Up)),
            _ => None,
        };
        if let Some(layer) = &self.layer {
            let Some((_, key)) = wheel.filter(|_| !matches!(layer, Layer::Confirm { .. } | Layer::Input(_)))
            else {
                return Vec::new();
            };
            let key = KeyEvent::new(key, KeyModifiers::NONE);
            return self.with_layer(|layer, cx| layer.key(&key, cx));
        }
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.press(at),
            MouseEventKind::Up(MouseButton::Left) => {
                if let Some(rule) = self.dragged.take()
                    && let Some(dividers) = self.screen_mut().dividers()
                {
                    dividers.drag(rule, at.x);
                }
                Vec::new()
            }
            _ => match wheel {
                Some((action, _)) => {
                    self.screen_mut().list_at(at);
                    let mut effects = Vec::new();
                    for _ in 0..STEP {
                        effects.extend(self.move_by(action));
                    }
                    effects
                }
                None => Vec::new(),
            },
        }
    }

    fn press(&mut self, at: Position) -> Vec<Effect> {
        if let Some((_, action)) = self.hints.iter().find(|(place, _)| place.contains(at)) {
            let action = *action;
            return self.act(action);
        }
        if let Some((_, tab)) = self.tabs.iter().find(|(place, _)| place.contains(at)) {
            let tab = *tab;
            return self.navigate(Nav::Tab(tab, None));
        }
        self.dragged = self.screen_mut().dividers().and_then(|dividers| dividers.rule_at(at));
        if self.dragged.is_some() {
            return Vec::new();
        }
        let step = self.screen_mut().list_at(at).and_then(|list| list.step_to(at));
        step.map_or_else(Vec::new, |action| self.move_by(action))
    }

    /// One step on the screen as a key makes it, so that what depends on the selection follows.
    fn move_by(&mut self, action: Action) -> Vec<Effect> {
        self.with_screen(|screen, cx: &mut Context| {
            screen.act(action, cx);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::registry::Registry;
    use crate::tui::testing::Harness;
    use crate::tui::theme::Theme;

    async fn open(size: (u16, u16)) -> (tempfile::TempDir, Harness) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.db");
        let mut registry = Registry::open(&path).unwrap();
        for name in ["alpha", "beta", "delta", "gamma"] {
            for n in 0..3 {
                let text = format!("{name} says {n}\n{}", "a long line of words that goes on\n".repeat(40));
                registry.register(name, &text, Default::default()).unwrap();
            }
        }
        drop(registry);
        let screen = Harness::open(&path, Default::default(), false, size, Theme::Dark).await;
        (dir, screen)
    }

    /// Where words stand on the screen.
    fn place(screen: &mut Harness, words: &str) -> (u16, u16) {
        let text = screen.text();
        let found = text.lines().enumerate().find_map(|(y, line)| {
            let x = line.find(words)?;
            Some((crate::core::text::width(line.get(..x)?), y))
        });
        let (x, y) = found.unwrap_or_else(|| panic!("{words:?} is not on the screen:\n{text}"));
        (x as u16, y as u16)
    }

    /// The name in the row that carries the mark of the selection.
    fn selected(screen: &mut Harness) -> String {
        let text = screen.text();
        let row = text.lines().find(|l| l.starts_with('▌')).unwrap_or_default();
        row.trim_start_matches('▌').split_whitespace().next().unwrap_or_default().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_click_selects_a_row_and_what_depends_on_it_follows() {
        for size in [(80, 24), (160, 45)] {
            let (_dir, mut screen) = open(size).await;
            assert_eq!(selected(&mut screen), "alpha");
            for name in ["gamma", "beta", "alpha", "delta"] {
                let (x, y) = place(&mut screen, name);
                screen.mouse(MouseEventKind::Down(MouseButton::Left), x, y).await;
                assert_eq!(selected(&mut screen), name, "{size:?}");
                let row = screen.text();
                assert!(row.contains("r3") || size.0 < 60, "{row}");
            }
            // Below the last row nothing is selected.
            screen.mouse(MouseEventKind::Down(MouseButton::Left), 3, size.1 - 4).await;
            assert_eq!(selected(&mut screen), "delta");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_wheel_moves_where_the_pointer_is() {
        let (_dir, mut screen) = open((160, 45)).await;
        screen.mouse(MouseEventKind::ScrollDown, 3, 5).await;
        assert_eq!(selected(&mut screen), "gamma");
        screen.mouse(MouseEventKind::ScrollUp, 3, 5).await;
        assert_eq!(selected(&mut screen), "alpha");
        // Over the preview it scrolls the text.
        let (x, y) = place(&mut screen, "alpha says 2");
        screen.mouse(MouseEventKind::ScrollDown, x + 1, y).await;
        assert!(!screen.text().contains("alpha says 2"));
        screen.mouse(MouseEventKind::ScrollUp, x + 1, y).await;
        assert!(screen.text().contains("alpha says 2"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hints_and_tabs_are_clicked_and_a_question_is_not() {
        let (_dir, mut screen) = open((120, 36)).await;
        let (x, y) = place(&mut screen, "? keys");
        screen.mouse(MouseEventKind::Down(MouseButton::Left), x, y).await;
        assert!(screen.text().contains("keys · prompts"));
        let before = screen.text();
        screen.mouse(MouseEventKind::ScrollDown, 10, 10).await;
        assert_ne!(before, screen.text(), "the wheel reads on in help");
        screen.keys("Esc").await;
        let (x, y) = place(&mut screen, "2 Runs");
        screen.mouse(MouseEventKind::Down(MouseButton::Left), x, y).await;
        assert!(screen.text().contains("▸2 Runs"));
        screen.keys("1 A").await;
        assert!(screen.text().contains("any other key: no"));
        let asked = screen.text();
        for kind in [MouseEventKind::Down(MouseButton::Left), MouseEventKind::ScrollDown] {
            for (x, y) in [(3, 3), place(&mut screen, "yes")] {
                screen.mouse(kind, x, y).await;
            }
        }
        screen.paste("y\ny").await;
        assert_eq!(screen.text(), asked, "a question takes keys only");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_rule_between_panes_is_dragged_and_every_pane_keeps_some_room() {
        let (_dir, mut screen) = open((160, 45)).await;
        let rule = |screen: &mut Harness| {
            let text = screen.text();
            let row = text.lines().nth(10).unwrap_or_default();
            row.chars().position(|c| c == '│').unwrap() as u16
        };
        let before = rule(&mut screen);
        for (to, wanted) in [(60, 60), (2, 12), (before, before)] {
            let from = rule(&mut screen);
            screen.mouse(MouseEventKind::Down(MouseButton::Left), from, 10).await;
            screen.mouse(MouseEventKind::Up(MouseButton::Left), to, 14).await;
            assert_eq!(rule(&mut screen), wanted, "from {from} to {to}");
        }
        // A share of the width, not a column: it stays in proportion.
        let from = rule(&mut screen);
        screen.mouse(MouseEventKind::Down(MouseButton::Left), from, 10).await;
        screen.mouse(MouseEventKind::Up(MouseButton::Left), 80, 10).await;
        screen.resize(120, 45);
        assert_eq!(rule(&mut screen), 60);
    }
}
