//! Intervals drawn as SVG: one line for each, a mark at the figure, the figure in words beside it.
//!
//! Colours come from the page's style, so that they follow light, dark and paper; what a colour means is also said in words.

use super::document::{Bar, Picture, Tone};
use crate::core::text;
use maud::{Markup, html};

/// Room for names, for the axis, for figures; the height of a line. Units are those of the picture, 1 to a pixel at full width.
const LABEL: f64 = 232.0;
const AXIS: f64 = 300.0;
const SAID: f64 = 208.0;
const LINE: f64 = 24.0;
/// Columns of a name beside its interval.
const COLUMNS: usize = 34;
/// Characters of a picture's name, at most.
const NAMED: usize = 600;

/// The picture with its accessible name.
pub fn picture(picture: &Picture) -> Markup {
    let (lo, hi) = picture.ends;
    let width = if hi > lo { hi - lo } else { 1.0 };
    let at = |value: f64| LABEL + AXIS * ((value - lo) / width).clamp(0.0, 1.0);
    let bottom = LINE * picture.bars.len() as f64 + 8.0;
    let view = format!("0 0 {:.0} {:.0}", LABEL + AXIS + SAID, bottom + 22.0);
    let name = named(picture);
    html! {
        figure {
            svg role="img" viewBox=(view) aria-label=(name) {
                title { (picture.name) }
                @for (value, words) in &picture.ticks {
                    line.grid x1=(px(at(*value))) x2=(px(at(*value))) y1="4" y2=(px(bottom)) {}
                    text.tick x=(px(at(*value))) y=(px(bottom + 15.0)) text-anchor="middle" { (words) }
                }
                @if let Some(zero) = picture.zero {
                    line.zero x1=(px(at(zero))) x2=(px(at(zero))) y1="4" y2=(px(bottom)) {}
                }
                @for (n, bar) in picture.bars.iter().enumerate() { (one(bar, LINE * (n as f64 + 0.75), &at)) }
            }
            figcaption { (picture.name) }
        }
    }
}

fn one(bar: &Bar, y: f64, at: &impl Fn(f64) -> f64) -> Markup {
    let class = match bar.tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::People => "people",
    };
    html! {
        g class=(class) {
            text x="0" y=(px(y + 4.0)) { (text::truncate(&bar.label, COLUMNS)) }
            @if let Some((lo, hi)) = bar.interval {
                line.span x1=(px(at(lo))) x2=(px(at(hi))) y1=(px(y)) y2=(px(y)) {}
                line.end x1=(px(at(lo))) x2=(px(at(lo))) y1=(px(y - 4.0)) y2=(px(y + 4.0)) {}
                line.end x1=(px(at(hi))) x2=(px(at(hi))) y1=(px(y - 4.0)) y2=(px(y + 4.0)) {}
            }
            circle cx=(px(at(bar.value))) cy=(px(y)) r="4" {}
            text x=(px(LABEL + AXIS + 14.0)) y=(px(y + 4.0)) { (bar.said) }
        }
    }
}

/// The picture in words, for those who hear it.
fn named(picture: &Picture) -> String {
    let each: Vec<String> = picture.bars.iter().map(|b| format!("{} {}", b.label, b.said)).collect();
    super::document::sentence(&format!("{}: {}", picture.name, each.join("; ")), NAMED)
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}
