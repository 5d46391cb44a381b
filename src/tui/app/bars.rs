//! The bar with the tabs, and the bottom line: what was said, or the keys that matter.

use super::{App, StatusMessage, TABS};
use crate::tui::draw_text::{put, put_cut, put_right, seg};
use crate::tui::keys::{Action, KeyScope, TABLE};
use crate::tui::route::Tab;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::shed;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

impl App {
    pub(super) fn draw_tabs(&self, row: Rect, buf: &mut Buffer) -> Vec<(Rect, Tab)> {
        let env = &self.env;
        let mut places = Vec::new();
        let mut x = put(buf, row.x, row.y, row.width, &[seg(" assize ", env.style(Meaning::Strong))]);
        for (tab, action, name) in &TABS {
            let style = if *tab == self.tab {
                env.style(Meaning::Accent).patch(env.style(Meaning::Strong))
            } else {
                env.style(Meaning::Dim)
            };
            let marker = if *tab == self.tab { "▸" } else { " " };
            let text = if self.screen().has_digits() {
                format!("  {marker}{name}  ")
            } else {
                format!(" {marker}{} {name} ", env.hint(KeyScope::Everywhere, *action))
            };
            let end = put(buf, x, row.y, row.right().saturating_sub(x), &[seg(text, style)]);
            places.push((Rect { x, width: end.saturating_sub(x), ..row }, *tab));
            x = end;
        }
        let room = row.right().saturating_sub(x + 2);
        put_right(
            buf,
            row.right().saturating_sub(1),
            row.y,
            room,
            &seg(shed(&self.screen().summary(env), usize::from(room)).to_owned(), env.style(Meaning::Dim)),
        );
        places
    }

    pub(super) fn draw_bottom(&self, row: Rect, buf: &mut Buffer) -> Vec<(Rect, Action)> {
        let env = &self.env;
        let status = if self.running.is_empty() || !self.screen().status(env).is_empty() {
            self.screen().status(env)
        } else {
            format!("{} run in progress", self.running.len())
        };
        let taken = put_right(
            buf,
            row.right().saturating_sub(1),
            row.y,
            row.width / 2,
            &seg(status, env.style(Meaning::Dim)),
        );
        let room = taken.saturating_sub(row.x + 1);
        if let Some(StatusMessage { toast, .. }) = &self.said {
            let meaning = if toast.error { Meaning::Error } else { Meaning::Good };
            let sign = if toast.error { " ! " } else { " · " };
            put_cut(
                buf,
                row.x,
                row.y,
                room,
                &[
                    seg(sign, env.style(meaning)),
                    seg(
                        toast.text.clone(),
                        env.style(if toast.error { Meaning::Error } else { Meaning::Text }),
                    ),
                ],
            );
            return Vec::new();
        }
        self.draw_hints(row, room, buf)
    }

    /// The keys that matter here, and last, always, the one that shows all.
    fn draw_hints(&self, row: Rect, room: u16, buf: &mut Buffer) -> Vec<(Rect, Action)> {
        let env = &self.env;
        let mut places = Vec::new();
        let scope = self.screen().scope();
        let help = crate::core::text::width(env.hint(KeyScope::Everywhere, Action::Help)) + " keys  ".len();
        let mut x = row.x + 1;
        for action in self.screen().hints().into_iter().chain([Action::Help]) {
            let place = if action == Action::Help { KeyScope::Everywhere } else { scope };
            let Some(binding) =
                TABLE.iter().find(|b| b.scope == place && b.action == action && !b.hint.is_empty())
            else {
                continue;
            };
            let keys = env.keymap.shown(place, action);
            let key = keys.split_whitespace().next().unwrap_or("");
            let hint = env.filled(place, binding.hint);
            let (shown, words) = match hint.split_once(' ') {
                // "1-5 score" names its keys itself.
                Some((keys, words)) if binding.hint.starts_with('{') => (keys, words),
                _ => (key, hint.as_str()),
            };
            let wide = crate::core::text::width(shown) + crate::core::text::width(words) + 3;
            let kept = if action == Action::Help { 0 } else { help };
            if usize::from(x) + wide + kept > usize::from(row.x + room) + 2 {
                continue;
            }
            let end = put(
                buf,
                x,
                row.y,
                room,
                &[
                    seg(shown.to_owned(), env.style(Meaning::Key)),
                    seg(format!(" {words}"), env.style(Meaning::Dim)),
                    seg("  ", env.style(Meaning::Dim)),
                ],
            );
            // A hint for several keys is not one key to be clicked.
            if shown == key {
                places.push((Rect { x, width: end.saturating_sub(x + 2), ..row }, action));
            }
            x = end;
        }
        places
    }
}
