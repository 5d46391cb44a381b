//! Whether a template is plain: it prints values, chooses, and goes through lists. No value in it grows from another, so
//! that the engine's count of steps bounds its time and memory; it is rendered where it is.

use super::jinja::syntax;
use minijinja::machinery::{Token, tokenize};

/// Blocks of a plain template.
const BLOCKS: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "include"];

/// Filters that give about as much as they are given.
const FILTERS: [&str; 23] = [
    "upper",
    "lower",
    "trim",
    "title",
    "capitalize",
    "default",
    "d",
    "length",
    "count",
    "first",
    "last",
    "string",
    "int",
    "float",
    "bool",
    "abs",
    "list",
    "sort",
    "reverse",
    "items",
    "dictsort",
    "tojson",
    "join",
];

/// Of those, what may make several bytes of one: once in a statement.
const WIDER: [&str; 2] = ["tojson", "join"];

/// Filters in one statement.
const MOST_FILTERS: usize = 4;

/// Values written as JSON in one template, outside of loops.
const MOST_JSON: usize = 16;

/// Colons in one statement: slices of slices cost more with each.
const MOST_COLONS: usize = 8;

/// What `join` puts between, in bytes: a text, not a value of any length.
const BETWEEN: usize = 64;

/// Whether the text is such a template. One that does not parse may be: the engine says what is wrong with it.
pub(super) fn is_plain(text: &str) -> bool {
    // Up to the first word that is none: there the engine stops too.
    let tokens: Vec<Token<'_>> =
        tokenize(text, false, syntax()).map_while(Result::ok).map(|(token, _)| token).collect();
    let (mut filters, mut wider, mut colons) = (0, 0, 0);
    let (mut written, mut loops) = (0, false);
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let after = |more: usize| tokens.get(at + more);
        let is_called = matches!(after(1), Some(Token::ParenOpen));
        let fits = match token {
            Token::VariableStart | Token::BlockStart => {
                (filters, wider, colons) = (0, 0, 0);
                true
            }
            Token::Ident(word) => match before {
                Some(Token::BlockStart) => {
                    loops |= *word == "for";
                    BLOCKS.contains(word)
                }
                Some(Token::Pipe) => {
                    filters += 1;
                    written += usize::from(*word == "tojson");
                    wider += usize::from(WIDER.contains(word));
                    let argument = match *word {
                        "join" => matches!(after(2), Some(Token::Str(between)) if between.len() <= BETWEEN),
                        word => matches!(word, "default" | "d"),
                    };
                    FILTERS.contains(word)
                        && filters <= MOST_FILTERS
                        && wider <= 1
                        && (argument || !is_called)
                }
                // A test, and what it is asked.
                Some(Token::Ident("is")) => true,
                // A function, a method, or a loop that calls itself.
                _ => {
                    let joins = matches!(*word, "range" | "and" | "or" | "not" | "in" | "is" | "if" | "else");
                    *word != "recursive" && (joins || !is_called)
                }
            },
            // A call of what is no name.
            Token::ParenOpen => !matches!(before, Some(Token::ParenClose | Token::BracketClose)),
            Token::Colon => {
                colons += 1;
                colons <= MOST_COLONS
            }
            // A number counted on from another; texts and lists would grow.
            Token::Plus => matches!(after(1), Some(Token::Int(_))),
            Token::Mul | Token::Pow | Token::Div | Token::FloorDiv | Token::Mod | Token::Tilde => false,
            _ => true,
        };
        if !fits {
            return false;
        }
    }
    // What is written as JSON is not counted as steps: a whole value each time.
    written == 0 || (written <= MOST_JSON && !loops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prints_chooses_and_goes_through_lists_is_plain() {
        for text in [
            "",
            "{{ a }} {{ a.b[0].c }}",
            "{% if a and (b or not c) %}x{% elif a is defined %}y{% else %}z{% endif %}",
            "{% for d in docs %}{{ loop.index + 1 }}. {{ d.title|default('none')|upper }}{% endfor %}",
            "{{ tags|sort|join(', ') }} {{ o|tojson }} {{ l|length }} {{ l[1:] }}",
            "{% for i in range(3) %}{{ i - 1 }}{% endfor %}",
            "{% include 'rules/tone' %}{% raw %}{{ x * y }}{% endraw %}{# a * b #}",
            "{% if n is divisibleby(3) and not (a) %}x{% endif %}",
            "{{ a",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn what_may_grow_is_not() {
        for text in [
            "{% set x = a %}",
            "{% macro m() %}{% endmacro %}",
            "{% filter upper %}x{% endfilter %}",
            "{% for x in l recursive %}{% endfor %}",
            "{{ a ~ a }}",
            "{{ a + a }}",
            "{{ 1 + a }}",
            "{{ a * 3 }}",
            "{{ a ** 3 }}",
            "{{ a|replace('', a) }}",
            "{{ a|indent(9) }}",
            "{{ '%9d'|format(1) }}",
            "{{ a|join(b) }}",
            "{{ a|join('x')|join('y') }}",
            "{{ o|tojson(indent=9) }}",
            "{% for x in l %}{{ o|tojson }}{% endfor %}",
            "{{ a|upper|lower|upper|lower|upper }}",
            "{{ namespace(x=1) }}",
            "{{ a.b() }}",
            "{{ a[0]() }}",
            "{{ (a)() }}",
            "{% block b %}{% endblock %}",
            "{% extends 'p' %}",
            "{% import 'p' as q %}",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
