//! Questions to a made-up model on a made-up machine.

use super::super::calls::Call;
use super::super::roofline::Card;
use super::*;

fn machine() -> Machine {
    Machine {
        name: "m".to_owned(),
        threads: 2,
        bandwidth: 20e9,
        compute: 200e9,
        nodes: 1,
        is_rough: false,
        card: None,
    }
}

fn facts() -> Facts {
    Facts { layers: 10, query_width: 20_000, ..Facts::of_parameters(1_000_000_000, 4) }
}

fn question(prompt_tokens: u64, tokens: u64) -> Question {
    Question { prompt_tokens, tokens, window: 8192, slots: 1 }
}

fn told(machine: &Machine, question: Question, calls: Option<&ShownCalls>) -> Estimate {
    estimate(&facts(), machine, question, Known { calls: calls.map(|calls| (calls, 1)), original: None })
}

#[test]
fn memory_and_computing_both_take_their_time() {
    let estimate = told(&machine(), question(0, 100), None);
    // 500 MB at 20 GB/s, and 2 GFLOP at 100 GFLOP/s.
    let seconds = 0.5 / 20.0 + 2.0 / 100.0;
    // And a little for the steps of its layers, and the look back: 0.8 ms, and 4 x 50 x 20,000 at 5.4 GFLOP/s.
    let beside = 10.0 * 80e-6 + 4e6 / 5.4e9;
    assert!((1.0 / estimate.decode.likely - seconds - beside).abs() < 1e-4, "{estimate:?}");
    assert_eq!((estimate.basis, estimate.factor), ([Basis::Roofline; 2], 1.0));
    assert!((estimate.writing.likely - 100.0 / estimate.decode.likely).abs() < 1e-9);
    assert!(estimate.prompt.likely > estimate.decode.likely, "a prompt reads the weights once");
    assert_eq!(estimate.reading.likely, 0.0);
    let twice = Machine { bandwidth: 40e9, compute: 400e9, ..machine() };
    assert!(told(&twice, question(0, 100), None).decode.likely > 1.9 * estimate.decode.likely);
    // Later tokens look at more of them.
    assert!(told(&machine(), question(8000, 1), None).decode.likely < estimate.decode.likely);
}

#[test]
fn no_tokens_take_no_time_and_too_many_take_long() {
    assert_eq!(told(&machine(), question(0, 0), None).seconds().high, 0.0);
    let many = told(&machine(), question(0, 1_000_000_000), None);
    assert!(many.seconds().likely > 1e7 && many.seconds().likely.is_finite(), "{many:?}");
    assert!(told(&machine(), question(u64::MAX, u64::MAX), None).seconds().low > 0.0);
}

#[test]
fn calls_take_the_place_of_figures() {
    let mut shown = ShownCalls::default();
    let call = |read, reading, written, writing| Call {
        read,
        reading,
        may_count_cached: false,
        written,
        writing,
        prompt: 500,
    };
    shown.push(&call(500, 5.0, 100, 10.0), 1);
    let one = told(&machine(), question(500, 100), Some(&shown));
    assert_eq!(one.basis, [Basis::Measured(1); 2]);
    assert_eq!(one.basis[0].words(), "measured (1 call)");
    assert!((one.decode.likely - 10.0).abs() < 0.05 && (one.prompt.likely - 100.0).abs() < 0.05, "{one:?}");
    assert!((one.factor - 10.0 / told(&machine(), question(500, 100), None).decode.likely).abs() < 0.01);
    for writing in [11.0, 9.0, 30.0] {
        shown.push(&call(0, 0.0, 100, writing), 1);
    }
    let four = told(&machine(), question(500, 100), Some(&shown));
    assert!((four.decode.likely - 100.0 / 10.5).abs() < 0.1, "the median: {four:?}");
    assert!(four.decode.low < 3.5 && four.decode.high < 12.0, "{four:?}");
    assert_eq!(four.basis, [Basis::Measured(4), Basis::Measured(1)]);
}

#[test]
fn what_is_far_is_less_certain_and_a_card_is_faster() {
    let near = told(&machine(), question(0, 100), None).decode;
    let far = told(&Machine { nodes: 2, ..machine() }, question(0, 100), None).decode;
    assert!(far.low < near.low && far.likely == near.likely);
    let rough = told(&Machine { is_rough: true, ..machine() }, question(0, 100), None).decode;
    assert!(rough.low < 0.6 * near.low && rough.high > 1.7 * near.high && rough.likely == near.likely);
    let with = |memory| {
        let card = Card { name: "c".to_owned(), memory, bandwidth: 1000e9, compute: 100e12 };
        told(&Machine { card: Some(card), ..machine() }, question(0, 100), None).decode.likely
    };
    assert!(with(8 << 30) > 10.0 * near.likely);
    let half = with(250_000_000);
    assert!(half > 1.5 * near.likely && half < 2.5 * near.likely, "half of it is on the card: {half}");
}

#[test]
fn elsewhere_only_calls_tell() {
    let mut shown = ShownCalls::default();
    assert_eq!(estimate_elsewhere(question(10, 10), (&shown, 1)), None);
    let call =
        Call { read: 100, reading: 1.0, may_count_cached: false, written: 50, writing: 1.0, prompt: 100 };
    shown.push(&call, 4);
    let of = |at_once| estimate_elsewhere(question(200, 100), (&shown, at_once)).unwrap();
    assert!((of(4).seconds().likely - 4.0).abs() < 1e-9, "{:?}", of(4));
    assert_eq!(of(4).basis[0].words(), "measured (1 call)");
    // One alone takes at most as long as one of four, and at least a fourth of it.
    let alone = of(1).seconds();
    assert!((alone.likely - 2.0).abs() < 1e-9 && alone.low < 1.0 && alone.high > 4.0, "{alone:?}");
    assert_eq!(of(1).basis[0].words(), "measured (1 call, 4 at the same time)");
}
