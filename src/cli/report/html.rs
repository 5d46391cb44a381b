//! A report as one HTML file: no script, nothing from elsewhere, light and dark by the reader's setting, and on paper.
//!
//! Every text passes `maud`, which escapes it; names of elements and attributes are literals. At the end the whole file passes
//! `core::text::escape`, so that no control, bidi or invisible character is left in it, wherever it came from.

use super::document::{Block, Document, Example, Section, Table};
use super::picture::picture;
use crate::core::text;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The looks. System fonts; colours of both kinds reach 4.5 to 1 on their background.
const STYLE: &str = include_str!("style.css");

/// What a browser may do with the file: show it, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The file.
pub fn html(document: &Document) -> String {
    let sections: Vec<&Section> = document.sections.iter().filter(|s| !s.blocks.is_empty()).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(super::MARK);
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 dir="auto" { (document.title) }
                    @for line in &document.answer { p.answer dir="auto" { (line) } }
                    @if !document.facts.is_empty() {
                        dl {
                            @for (label, value) in &document.facts {
                                div { dt { (label) } dd dir="auto" { (value) } }
                            }
                        }
                    }
                }
                main {
                    nav aria-label="Sections" {
                        ul {
                            @for (n, section) in sections.iter().enumerate() {
                                li { a href={ "#s" (n) } { (section.title) } }
                            }
                        }
                    }
                    @for (n, section) in sections.iter().enumerate() {
                        section aria-labelledby={ "s" (n) } {
                            h2 id={ "s" (n) } { (section.title) }
                            @for block in &section.blocks { (one(block)) }
                        }
                    }
                }
            }
        }
    };
    text::escape(&page.into_string()).into_owned()
}

fn one(block: &Block) -> Markup {
    match block {
        Block::Heading(words) => html! { h3 dir="auto" { (words) } },
        Block::Para(words) => html! { p dir="auto" { (words) } },
        Block::Caution(words) => html! { p.caution dir="auto" { (words) } },
        Block::List(points) => html! { ul { @for point in points { li dir="auto" { (point) } } } },
        Block::Table(found) => table(found),
        Block::Picture(found) => picture(found),
        Block::Example(found) => example(found),
    }
}

fn table(table: &Table) -> Markup {
    html! {
        // Wide tables scroll by themselves; a keyboard reaches them.
        div.wide tabindex="0" role="group" aria-label=(table.caption) {
            table {
                caption { (table.caption) }
                thead { tr { @for (name, figures) in &table.head { th.n[*figures] scope="col" { (name) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (at, (cell, (_, figures))) in row.iter().zip(&table.head).enumerate() {
                                @if at == 0 { th scope="row" dir="auto" { (cell) } }
                                @else { td.n[*figures] dir="auto" { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn example(example: &Example) -> Markup {
    html! {
        article {
            h4 dir="auto" { (example.title) }
            @for (label, text) in &example.passages {
                p.label { (label) }
                blockquote dir="auto" { (text) }
            }
        }
    }
}
