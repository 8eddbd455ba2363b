use super::*;

fn plan() -> Plan {
    let plan = r#"{"address": "a:1", "protocol": "grpc", "path": "/p", "messages": "m", "connections": 1,
        "streams": 4, "seconds": 1}"#;
    Plan::parse(plan).unwrap()
}

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    head(&mut out, payload.len(), kind, flags, id);
    out.extend(payload);
    out
}

/// A literal header, not indexed.
fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

fn sent(wire: &mut Http2, slots: std::ops::Range<usize>) {
    for slot in slots {
        assert!(wire.send(slot, b"body", None, &mut Vec::new()).unwrap());
    }
}

/// What the wire makes of `input`: bytes understood, bytes to send, answers.
type Received = (usize, Vec<u8>, Vec<(usize, Ending, Vec<u8>)>);

fn received(wire: &mut Http2, input: &[u8]) -> Received {
    let (mut out, mut found) = (Vec::new(), Vec::new());
    let taken = wire
        .receive(input, &mut out, &mut |answer| {
            found.push((answer.slot, answer.ending, answer.body.to_vec()));
        })
        .unwrap();
    (taken, out, found)
}

#[test]
fn answers_go_to_their_slots_however_they_are_mixed() {
    let mut wire = Http2::new(&plan());
    sent(&mut wire, 0..3);
    let input = [
        frame(HEADERS, END_HEADERS, 3, &header(":status", "200")),
        frame(HEADERS, END_HEADERS, 1, &header(":status", "200")),
        frame(DATA, 0, 1, b"on"),
        frame(DATA, PADDED, 3, b"\x02twoxx"),
        frame(DATA, 0, 1, b"e"),
        frame(HEADERS, END_HEADERS | END_STREAM, 3, &header("grpc-status", "0")),
        frame(RST_STREAM, 0, 5, &[0, 0, 0, 7]),
        frame(HEADERS, END_STREAM, 1, &header("grpc-status", "4")[..3]),
        frame(CONTINUATION, END_HEADERS, 1, &header("grpc-status", "4")[3..]),
    ]
    .concat();
    let answers = vec![
        (1, Ending::Status(0), b"two".to_vec()),
        (2, Ending::Reset(7), vec![]),
        (0, Ending::Status(4), b"one".to_vec()),
    ];
    assert_eq!(received(&mut wire, &input), (input.len(), vec![], answers));
}

#[test]
fn half_a_frame_waits() {
    let mut wire = Http2::new(&plan());
    sent(&mut wire, 0..1);
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &header("grpc-status", "8"));
    for end in 0..whole.len() {
        assert_eq!(received(&mut wire, &whole[..end]), (0, vec![], vec![]), "{end}");
    }
    assert_eq!(received(&mut wire, &whole).2, [(0, Ending::Status(8), vec![])]);
}

#[test]
fn settings_and_pings_are_acknowledged() {
    let mut wire = Http2::new(&plan());
    let input = [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 3]), frame(PING, 0, 0, b"12345678")].concat();
    let out = [frame(SETTINGS, ACK, 0, &[]), frame(PING, ACK, 0, b"12345678")].concat();
    assert_eq!(received(&mut wire, &input), (input.len(), out, vec![]));
    let error = wire.send(0, b"body", None, &mut Vec::new()).unwrap_err();
    assert!(error.contains("over the window of 3"), "{error}");
    assert_eq!(received(&mut wire, &frame(SETTINGS, ACK, 0, &[])).1, b"");
}

#[test]
fn a_full_window_waits_for_the_server() {
    let mut wire = Http2::new(&plan());
    let body = vec![0; 40_000];
    let mut out = Vec::new();
    assert!(wire.send(0, &body, None, &mut out).unwrap());
    let frames: Vec<usize> = [16_384, 16_384, 7232].into();
    assert!(out.len() > frames.iter().sum::<usize>() + 3 * FRAME_HEAD);
    assert!(!wire.send(1, &body, None, &mut out).unwrap());
    received(&mut wire, &frame(WINDOW_UPDATE, 0, 0, &40_000u32.to_be_bytes()));
    assert!(wire.send(1, &body, None, &mut out).unwrap());
}

#[test]
fn the_server_gets_its_window_back() {
    let mut wire = Http2::new(&plan());
    let half = vec![0; OUR_WINDOW as usize / 2];
    assert_eq!(received(&mut wire, &frame(DATA, 0, 1, &half)).1, b"");
    let update = frame(WINDOW_UPDATE, 0, 0, &(OUR_WINDOW / 2 + 1).to_be_bytes());
    assert_eq!(received(&mut wire, &frame(DATA, 0, 1, b"x")).1, update);
}

#[test]
fn a_server_that_goes_away_is_an_error() {
    let mut wire = Http2::new(&plan());
    let input = frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 11]);
    let error = wire.receive(&input, &mut Vec::new(), &mut |_| ()).unwrap_err();
    assert!(error.contains("error 11"), "{error}");
}
