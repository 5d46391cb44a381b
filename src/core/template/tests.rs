//! Tests of the module beside this file.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn values(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn names(text: &str, syntax: Syntax) -> Vec<String> {
    variables(text, syntax).unwrap().into_iter().map(|variable| variable.name).collect()
}

#[test]
fn syntaxes_have_names() {
    for syntax in Syntax::ALL {
        assert_eq!(syntax.name().parse(), Ok(syntax));
        assert_eq!(serde_json::to_value(syntax).unwrap(), json!(syntax.name()));
    }
    assert_eq!("smarty".parse::<Syntax>(), Err(UnknownSyntax));
    assert_eq!(Syntax::default(), Syntax::Jinja);
}

#[test]
fn jinja_variables_in_order_with_kinds() {
    let text = "{{ topic | upper }} {% if strict %}x{% endif %}{% for d in docs %}{{ d.title }}{% endfor %}\
                {{ user.name }} {{ range(3) }} {% set y = z %}{{ y }}{{ topic }}{% if topic %}{% endif %}\
                {% if flag2 %}{{ flag2 }}{% endif %}{{ x | default(fallback) }}";
    let found: Vec<_> =
        variables(text, Syntax::Jinja).unwrap().into_iter().map(|v| (v.name, v.kind)).collect();
    let expected = [
        ("topic", Kind::Text),
        ("strict", Kind::Flag),
        ("docs", Kind::List),
        ("user", Kind::Object),
        ("z", Kind::Text),
        ("flag2", Kind::Text),
        ("x", Kind::Text),
        ("fallback", Kind::Text),
    ];
    assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn rendering_is_exact() {
    let given = values(
        json!({"x": "<a> & {{y}} {% if %}\n", "n": 3, "f": 0.5, "l": ["a", 1], "o": {"b": 1, "a": null}}),
    );
    for (text, result) in [
        ("{{x}}\n", "<a> & {{y}} {% if %}\n\n"),
        ("a\r\n{{n}}\r\n", "a\r\n3\r\n"),
        ("{{n}}{{f}}", "30.5"),
        ("{{o.b}}{{l[1]}}", "11"),
        ("{% for i in l %}{{i}},{% endfor %}\n\n", "a,1,\n\n"),
        ("{{o|tojson}}", r#"{"b": 1, "a": null}"#),
        ("{% if missing is defined %}a{% else %}b{% endif %}{{ missing | default('c') }}", "bc"),
        ("---\n# no braces\n", "---\n# no braces\n"),
    ] {
        assert_eq!(render(text, Syntax::Jinja, &given).unwrap(), result, "{text:?}");
    }
    for (text, result) in [
        ("{x}{n}", "<a> & {{y}} {% if %}\n3"),
        ("{{\"a\": {n}}}", "{\"a\": 3}"),
        ("{l}{o}", "[\"a\",1]{\"b\":1,\"a\":null}"),
        ("no }} braces {{", "no } braces {"),
    ] {
        assert_eq!(render(text, Syntax::Fstring, &given).unwrap(), result, "{text:?}");
    }
    assert_eq!(render("{{x}} {% raw", Syntax::Literal, &given).unwrap(), "{{x}} {% raw");
}

#[test]
fn errors_name_the_variable_and_the_line() {
    let none = Map::new();
    let missing = |name: &str, line| Err(TemplateError::Missing { name: name.to_owned(), line });
    assert_eq!(render("a\n{{ topic }}", Syntax::Jinja, &none), missing("topic", 2));
    assert_eq!(render("{{ topic|upper }}", Syntax::Jinja, &none), missing("topic", 1));
    assert_eq!(render("{% for x in docs %}{% endfor %}", Syntax::Jinja, &none), missing("docs", 1));
    assert_eq!(render("{{ user.name }}", Syntax::Jinja, &none), missing("user", 1));
    assert_eq!(
        render("{{ user.name }}", Syntax::Jinja, &values(json!({"user": {}}))),
        missing("user.name", 1)
    );
    assert_eq!(render("a\n\n{topic}", Syntax::Fstring, &none), missing("topic", 3));
    for (text, syntax) in [
        ("a\n{{ x", Syntax::Jinja),
        ("a\n{% if x %}", Syntax::Jinja),
        ("a\n{# never closed", Syntax::Jinja),
        ("a\n{\"a\": 1}", Syntax::Fstring),
        ("a\n}", Syntax::Fstring),
        ("a\n{", Syntax::Fstring),
        ("a\n{a b}", Syntax::Fstring),
        ("a\n{0}", Syntax::Fstring),
    ] {
        assert!(matches!(variables(text, syntax), Err(TemplateError::Syntax { line: 2, .. })), "{text:?}");
        assert!(
            matches!(render(text, syntax, &none), Err(TemplateError::Syntax { line: 2, .. })),
            "{text:?}"
        );
    }
    assert!(matches!(
        render("{% include '/etc/passwd' %}", Syntax::Jinja, &none),
        Err(TemplateError::Failed { line: 1, .. })
    ));
    assert!(matches!(
        render("{{ 1|nope }}", Syntax::Jinja, &none),
        Err(TemplateError::Failed { .. } | TemplateError::Syntax { .. })
    ));
}

#[test]
fn bombs_are_stopped() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}";
    let mut doubling = String::from("{% set x = 'xxxxxxxxxxxxxxxx' %}");
    (0..60).for_each(|_| doubling.push_str("{% set x = x ~ x %}"));
    for text in [nested, &doubling, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"] {
        let result = render(text, Syntax::Jinja, &Map::new());
        assert!(matches!(result, Err(TemplateError::TooCostly | TemplateError::Failed { .. })), "{result:?}");
    }
    assert_eq!(render(nested, Syntax::Jinja, &Map::new()), Err(TemplateError::TooCostly));
    assert_eq!(render(&doubling, Syntax::Jinja, &Map::new()), Err(TemplateError::TooCostly));
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(matches!(variables(&deep, Syntax::Jinja), Err(TemplateError::Syntax { .. })));
}

#[test]
fn variables_of_a_fstring_and_of_nothing() {
    assert_eq!(names("{b} {a} {b} {{c}} {größe}", Syntax::Fstring), ["b", "a", "größe"]);
    assert_eq!(names("{{x}}", Syntax::Literal), [""; 0]);
    assert_eq!(names("{% raw %}{{ x }}{% endraw %}{# {{ y }} #}", Syntax::Jinja), [""; 0]);
}

#[test]
fn values_nobody_asked_for_are_named() {
    let given = values(json!({"b": 1, "a": 2, "c": 3}));
    assert_eq!(unknown("{{ a }}", Syntax::Jinja, &given), ["b", "c"]);
    assert_eq!(unknown("{c}", Syntax::Fstring, &given), ["b", "a"]);
    assert_eq!(unknown("{{ a", Syntax::Jinja, &given), [""; 0]);
    assert_eq!(unknown("text", Syntax::Literal, &given), ["b", "a", "c"]);
}

#[test]
fn changes_tell_renamed_from_new() {
    let of = |text: &str| variables(text, Syntax::Jinja).unwrap();
    let between = |left: &str, right: &str| VariableChanges::between(&of(left), &of(right));
    let renamed = between("{{ a }} {{ b }}", "{{ a }} {{ c }}");
    assert_eq!(renamed.renamed, [("b".to_owned(), "c".to_owned())]);
    assert_eq!(
        (renamed.added.as_slice(), renamed.removed.as_slice()),
        (&["c".to_owned()][..], &["b".to_owned()][..])
    );
    assert_eq!(between("{{ a }}", "{{ a }} {{ language }}").added, ["language"]);
    assert_eq!(between("{{ a }}", "{% for x in c %}{% endfor %}").renamed, []);
    assert_eq!(serde_json::to_value(renamed).unwrap(), json!({"added": ["c"], "removed": ["b"]}));
}

proptest! {
    #[test]
    fn any_text_and_values_are_answered(text in "[{}%#a \n\"'|.-]{0,40}", value in any::<String>()) {
        let given = values(json!({"a": value}));
        for syntax in Syntax::ALL {
            let _ = variables(&text, syntax);
            let _ = render(&text, syntax, &given);
        }
        prop_assert_eq!(render(&text, Syntax::Literal, &given).unwrap(), text);
    }

    #[test]
    fn a_value_is_never_a_template(value in "[{}%#a ]{0,20}") {
        let given = values(json!({"a": value}));
        prop_assert_eq!(render("{{ a }}", Syntax::Jinja, &given).unwrap(), value.clone());
        prop_assert_eq!(render("{a}", Syntax::Fstring, &given).unwrap(), value);
    }

    #[test]
    fn doubled_braces_render_back(text in "[{}a\n ]{0,30}") {
        let escaped = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(render(&escaped, Syntax::Fstring, &Map::new()).unwrap(), text);
    }
}

#[test]
fn long_chains_and_deep_nests_are_refused_in_words_or_rendered_never_a_fault_of_the_stack() {
    let values = values(json!({"a": 1, "x": {"x": 1}}));
    for n in [300, 490, 3_000, 100_000] {
        for (before, link, after) in [
            ("{{ a", "[a]", " }}"),
            ("{{ a", "[[a]]", " }}"),
            ("{{ a", ".b", " }}"),
            ("{{ a", "|string", " }}"),
            ("{{ a", "()", " }}"),
            ("{{ a", " + a", " }}"),
            ("{{ a", " ~ a", " }}"),
            ("{{ a", " and a", " }}"),
            ("{{ a", " == a", " }}"),
            ("{{ a", " is defined", " }}"),
            ("{{ a", " if a else a", " }}"),
            ("{{ ", "not ", "a }}"),
            ("{{ ", "-", "a }}"),
            ("{{ ", "[", "a }}"),
            ("{{ ", "(", "a }}"),
            ("{{ ", "{a:", "a }}"),
            ("{% if a %}", "{% elif a %}", "{% endif %}"),
            ("", "{% if a %}", ""),
            ("", "{% for a in [a] %}", ""),
            ("{% set y = [a", ", a", "] %}"),
        ] {
            let text = format!("{before}{}{after}", link.repeat(n));
            let _ = variables(&text, Syntax::Jinja);
            let _ = render(&text, Syntax::Jinja, &values);
        }
    }
    let sum = |n: usize| format!("{{{{ a{} }}}}", " + a".repeat(n));
    assert_eq!(render(&sum(400), Syntax::Jinja, &values).unwrap(), "401");
    let refused = render(&sum(600), Syntax::Jinja, &values).unwrap_err().to_string();
    assert!(refused.contains("more than 500 operators"), "{refused}");
    // A long list is no chain.
    let list = format!("{{% set y = [{}] %}}{{{{ y|length }}}}", "a, ".repeat(5_000));
    assert_eq!(render(&list, Syntax::Jinja, &values).unwrap(), "5000");
}

#[test]
fn jinja_is_read_as_pythons_users_write_it() {
    let given = values(json!({
        "名前": "世界", "größe": "XL", "cfg": {"b": 2, "a": 1}, "s": "  Hello World ", "ctx": "",
        "html": {"a": "<b> & 'c' \\u003c \" \u{e9}"}, "messages": [{"role": "system"}, {"role": "user"}],
    }));
    for (text, result) in [
        ("{{ 名前 }} {{ größe }}", "世界 XL"),
        ("{% for k, v in cfg.items() %}{{ k }}={{ v }};{% endfor %}", "b=2;a=1;"),
        ("{{ s.strip().upper().split(' ')[0] }}{{ s.startswith('  H') }}", "HELLOTrue"),
        ("{{ cfg.get('z', 'none') }} {{ cfg.keys()|list }}", "none ['b', 'a']"),
        ("a{% if context %} with {{ context }}{% endif %}{% if not context %}!{% endif %}", "a!"),
        ("{{ html|tojson }}", r#"{"a": "<b> & 'c' \\u003c \" é"}"#),
        ("{% set messages = messages[1:] %}{{ messages[0].role }}", "user"),
    ] {
        assert_eq!(render(text, Syntax::Jinja, &given).as_deref(), Ok(result), "{text}");
    }
    assert_eq!(names("{% set messages = messages[1:] %}{{ messages }}", Syntax::Jinja), ["messages"]);
    assert_eq!(names("{% set x = 1 %}{% set x = x + 1 %}{{ x }}", Syntax::Jinja), [""; 0]);
    assert_eq!(names("{% set x = y.x %}{{ x }}", Syntax::Jinja), ["y"]);
    // What is printed must be there.
    assert_eq!(
        render("{% if x %}{% endif %}{{ x }}", Syntax::Jinja, &given).unwrap_err().missing(),
        Some("x")
    );
}

#[test]
fn digits_are_printed_as_they_are_written() {
    let text = r#"{"id": 12345678901234567890123, "at": 1234567890123456789, "price": 0.1000000000000000055511151231257827, "n": 3, "big": 1e400}"#;
    let given = values(serde_json::from_str(text).unwrap());
    let all = "12345678901234567890123 1234567890123456789 0.1000000000000000055511151231257827 3 1e+400";
    assert_eq!(
        render("{{ id }} {{ at }} {{ price }} {{ n }} {{ big }}", Syntax::Jinja, &given).unwrap(),
        all
    );
    assert_eq!(render("{id} {at} {price} {n} {big}", Syntax::Fstring, &given).unwrap(), all);
    assert_eq!(render("{{ at + n }}", Syntax::Jinja, &given).unwrap(), "1234567890123456792");
}

#[test]
fn names_beside_json_braces_are_variables() {
    let text = "{instruction}\nAnswer as {\"a\": {\"b\": [1]}, \"c\": \"{ }\"} or {} {a b} {0} }{{x}}";
    assert_eq!(names(text, Syntax::Braces), ["instruction", "x"]);
    let given = values(json!({"instruction": "Do {x}", "x": 1}));
    let result = "Do {x}\nAnswer as {\"a\": {\"b\": [1]}, \"c\": \"{ }\"} or {} {a b} {0} }{1}";
    assert_eq!(render(text, Syntax::Braces, &given).unwrap(), result);
    assert_eq!(render("\n{gone}", Syntax::Braces, &given).unwrap_err().missing(), Some("gone"));
    for text in ["{x:.2f}", "{x!r}", "{u.name}", "{u[0]}"] {
        let error = render(text, Syntax::Fstring, &given).unwrap_err().to_string();
        assert!(error.contains("a format, a conversion or a field"), "{error}");
    }
}

#[test]
fn true_and_null_are_alike_in_the_syntaxes_of_python() {
    let given = values(json!({"b": true, "f": false, "n": null}));
    assert_eq!(render("{{ b }} {{ f }} {{ n }}", Syntax::Jinja, &given).unwrap(), "True False None");
    assert_eq!(render("{b} {f} {n}", Syntax::Fstring, &given).unwrap(), "True False None");
}
