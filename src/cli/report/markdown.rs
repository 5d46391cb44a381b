//! A report as Markdown: the same words and tables as in HTML; pictures are left out, since a table beside each has its figures.

use super::super::markdown::{inline, quoted};
use super::document::{Block, Document, Table};
use std::fmt::Write as _;

/// The file.
pub fn markdown(document: &Document) -> String {
    let mut out = format!("<!-- {} -->\n\n# {}\n", super::MARK, inline(&document.title));
    for line in &document.answer {
        let _ = write!(out, "\n**{}**\n", inline(line));
    }
    if !document.facts.is_empty() {
        out.push('\n');
    }
    for (label, value) in &document.facts {
        let _ = writeln!(out, "- {}: {}", inline(label), inline(value));
    }
    for section in document.sections.iter().filter(|s| !s.blocks.is_empty()) {
        let _ = write!(out, "\n## {}\n", section.title);
        section.blocks.iter().for_each(|block| one(&mut out, block));
    }
    out
}

fn one(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Picture(_) => Ok(()),
        Block::Heading(words) => write!(out, "\n### {}\n", inline(words)),
        Block::Para(words) => write!(out, "\n{}\n", inline(words)),
        Block::Caution(words) => write!(out, "\n> {}\n", inline(words)),
        Block::List(points) => {
            out.push('\n');
            points.iter().try_for_each(|point| writeln!(out, "- {}", inline(point)))
        }
        Block::Table(found) => {
            table(out, found);
            Ok(())
        }
        Block::Example(found) => {
            let passages = found.passages.iter();
            let passages: String =
                passages.map(|(label, text)| format!("\n{}:\n\n{}", inline(label), quoted(text))).collect();
            write!(out, "\n#### {}\n{passages}", inline(&found.title))
        }
    };
}

fn table(out: &mut String, table: &Table) {
    let line =
        |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let _ = write!(out, "\n{}:\n\n", inline(&table.caption));
    out.push_str(&line(&mut table.head.iter().map(|(name, _)| inline(name))));
    out.push_str(&line(
        &mut table.head.iter().map(|(_, figures)| if *figures { "---:" } else { "---" }.to_owned()),
    ));
    for row in &table.rows {
        out.push_str(&line(&mut row.iter().map(|cell| inline(cell))));
    }
}
