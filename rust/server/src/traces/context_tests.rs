//! The examples of the W3C's text and of its test suite.

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn parent(text: &str) -> Option<Parent> {
    Parent::of(&headers(&[(TRACEPARENT, text)]))
}

#[test]
fn a_parent_is_read() {
    let read = parent(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
    assert_eq!(read.trace.to_string(), TRACE);
    assert_eq!((read.span, read.sampled), (SpanId(0x00f0_67aa_0ba9_02b7), true));
    assert!(!parent(&format!("00-{TRACE}-{SPAN}-00")).unwrap().sampled);
    // Flags that are not known say nothing.
    assert!(!parent(&format!("00-{TRACE}-{SPAN}-fe")).unwrap().sampled);
    assert!(parent(&format!("00-{TRACE}-{SPAN}-ff")).unwrap().sampled);
}

#[test]
fn a_version_to_come_may_say_more() {
    for text in ["01-{}", "cc-{}", "cc-{}-what-follows", "fe-{}-"] {
        let text = text.replace("{}", &format!("{TRACE}-{SPAN}-01"));
        assert!(parent(&text).unwrap().sampled, "{text}");
    }
}

#[test]
fn what_is_malformed_is_no_parent() {
    let zero = "0".repeat(32);
    for text in [
        String::new(),
        "00".into(),
        TRACE.into(),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-01-"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("00-{TRACE}-{SPAN}-01x"),
        format!("cc-{TRACE}-{SPAN}-01x"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("0-{TRACE}-{SPAN}-011"),
        format!("0x-{TRACE}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        format!("00-{TRACE}-{SPAN}-0A"),
        format!("00-{zero}-{SPAN}-01"),
        format!("00-{TRACE}-{}-01", &zero[..16]),
        format!("00_{TRACE}_{SPAN}_01"),
        format!("00-{}g-{SPAN}-01", &TRACE[..31]),
        format!("00-+{}-{SPAN}-01", &TRACE[..31]),
        format!("00-{TRACE}-{SPAN}-.1"),
    ] {
        assert_eq!(parent(&text), None, "{text}");
    }
    let good = format!("00-{TRACE}-{SPAN}-01");
    let twice = headers(&[(TRACEPARENT, &good), (TRACEPARENT, &good)]);
    assert_eq!(Parent::of(&twice), None);
    assert_eq!(Parent::of(&HeaderMap::new()), None);
}

#[test]
fn a_state_is_kept_whole() {
    let state = |values: &[&str]| {
        let pairs: Vec<_> = values.iter().map(|value| (TRACESTATE, *value)).collect();
        super::state(&headers(&pairs))
    };
    assert_eq!(
        state(&["rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"]).unwrap(),
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    );
    assert_eq!(state(&["a=1", "b=2 x,,", "0t@v=!"]).unwrap(), "a=1,b=2 x,0t@v=!");
    let many = |count: usize| (0..count).map(|index| format!("k{index}=v")).collect::<Vec<_>>().join(",");
    assert!(state(&[&many(32)]).is_some());
    for bad in [
        "",
        ",",
        "a",
        "a=",
        "=1",
        "A=1",
        "1=1",
        "a b=1",
        "a=1=2",
        "@v=1",
        "t@=1",
        "t@V=1",
        "t@v@w=1",
        "a=1,a=2",
        "a=\u{9}x\u{9}y",
        &many(33),
        &format!("a={}", "x".repeat(257)),
        &format!("{}=1", "x".repeat(257)),
        &format!("t@{}=1", "x".repeat(15)),
        &format!("a={},b={}", "x".repeat(256), "x".repeat(256)),
    ] {
        assert_eq!(state(&[bad]), None, "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,80}", version in 0_u8..=254, trace in 1_u128.., span in 1_u64.., flags: u8) {
        if let Ok(value) = HeaderValue::from_str(&text) {
            let _ = Parent::parse(value.as_bytes());
            let _ = key(&text);
        }
        let read = Parent::parse(format!("{version:02x}-{trace:032x}-{span:016x}-{flags:02x}").as_bytes());
        let expected = Parent { trace: TraceId(trace), span: SpanId(span), sampled: flags & 1 == 1 };
        proptest::prop_assert_eq!(read, Some(expected));
    }
}
