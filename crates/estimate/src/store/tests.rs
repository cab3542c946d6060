//! Files in folders of their own.

use super::super::calls::Call;
use super::*;

fn calls(seconds: f64, numbers: impl IntoIterator<Item = usize>) -> ShownCalls {
    let mut shown = ShownCalls::default();
    let call =
        Call { read: 100, reading: seconds, may_count_cached: false, written: 50, writing: 1.0, prompt: 100 };
    numbers.into_iter().for_each(|at_once| shown.push(&call, at_once));
    shown
}

fn machine(name: &str) -> Machine {
    Machine {
        name: name.to_owned(),
        threads: 1,
        bandwidth: 1e9,
        compute: 1e9,
        nodes: 1,
        is_rough: false,
        card: None,
    }
}

#[test]
fn what_is_kept_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("minions");
    let mut store = Store::open(Some(&place));
    assert_eq!((store.machine("m"), store.calls("k")), (None, None));
    store.keep_machine(&machine("m")).unwrap();
    store.keep_calls(&[("k".to_owned(), calls(1.0, [1])), ("other".to_owned(), calls(2.0, [1]))]).unwrap();
    let model = folder.path().join("m.gguf");
    fs::write(&model, "weights").unwrap();
    store.keep_facts(&model, &Facts::of_parameters(5, 8)).unwrap();
    let again = Store::open(Some(&place));
    assert_eq!(again.machine("m"), Some(&machine("m")));
    assert_eq!(again.machine("other"), None);
    assert_eq!(again.calls("k").unwrap().of_prompts(1, |_| 1.0).all, [1.0]);
    assert_eq!(again.facts(&model), Some(&Facts::of_parameters(5, 8)));
    let mut of_old = again.clone();
    of_old.kept.files[0].reckoning = RECKONING - 1;
    assert_eq!(of_old.facts(&model), None, "an older program has reckoned in another way");
    fs::write(&model, "other weights").unwrap();
    assert_eq!(again.facts(&model), None, "it is another file now");
}

#[test]
fn writers_keep_each_other_s_calls() {
    let folder = tempfile::tempdir().unwrap();
    let write = |at: usize| {
        let mut store = Store::open(Some(folder.path()));
        (0..5).for_each(|_| store.keep_calls(&[(format!("k{at}"), calls(1.0, [1]))]).unwrap());
    };
    std::thread::scope(|scope| (0..4).for_each(|at| drop(scope.spawn(move || write(at)))));
    let store = Store::open(Some(folder.path()));
    for at in 0..4 {
        assert_eq!(store.calls(&format!("k{at}")).unwrap().of_prompts(1, |_| 1.0).all.len(), 5, "{at}");
    }
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn without_a_place_it_is_kept_here() {
    let mut nowhere = Store::open(None);
    nowhere.keep_machine(&machine("m")).unwrap();
    assert!(nowhere.machine("m").is_some());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut refused = Store::open(Some(&file.join("below")));
    assert!(refused.keep_machine(&machine("m")).is_err());
    assert!(refused.machine("m").is_some(), "this run has it all the same");
}

#[test]
fn old_entries_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(Some(folder.path()));
    let calls: Vec<_> = (0..MODELS + 3).map(|at| (format!("k{at}"), calls(1.0, [1]))).collect();
    store.keep_calls(&calls).unwrap();
    assert!(store.calls("k2").is_none() && store.calls("k3").is_some());
}

#[test]
fn a_ramp_of_calls_pushes_no_other_model_out() {
    let mut store = Store::open(None);
    let others: Vec<_> = (1..MODELS).map(|at| (format!("k{at}"), calls(1.0, [1]))).collect();
    store.keep_calls(&others).unwrap();
    (1..=64).for_each(|number| store.keep_calls(&[("ramp".to_owned(), calls(1.0, [number]))]).unwrap());
    assert!((1..MODELS).all(|at| store.calls(&format!("k{at}")).is_some()));
    assert_eq!(store.calls("ramp").unwrap().at_once(64), Some(64));
}

#[test]
fn a_later_measurement_only_raises_what_a_machine_manages() {
    let mut store = Store::open(None);
    let busy = Machine { bandwidth: 0.25e9, is_rough: true, ..machine("m") };
    store.keep_machine(&busy).unwrap();
    assert!(store.machine("m").unwrap().is_rough && store.is_sure("m"), "others may still compute");
    let minute_later = |store: &mut Store| store.kept.machines[0].last -= 60;
    minute_later(&mut store);
    assert!(!store.is_sure("m"), "a minute later they may have ended");
    store.keep_machine(&machine("m")).unwrap();
    assert_eq!(store.machine("m"), Some(&machine("m")), "one that nobody disturbed takes its place");
    for _ in 1..SWEEPS {
        assert!(store.is_sure("m"), "whoever asks twice waits once");
        minute_later(&mut store);
        assert!(!store.is_sure("m"));
        store.keep_machine(&Machine { compute: 0.5e9, ..machine("m") }).unwrap();
    }
    minute_later(&mut store);
    assert_eq!((store.machine("m"), store.is_sure("m")), (Some(&machine("m")), true));
    store.keep_anew(&busy).unwrap();
    assert_eq!((store.machine("m"), store.is_sure("m")), (Some(&busy), true));
}

#[test]
fn the_originals_factors_become_rates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ie_calib.json");
    let rate = |text: &str| {
        fs::write(&file, text).unwrap();
        original(&file, "llama3.2", 1_000_000_000, 4)
    };
    assert_eq!(rate(r#"{"cpu:llama3.2:4bit": 0.5, "cpu:llama3.2:8bit": 9}"#), Some(50.0));
    assert_eq!(rate(r#"{"mps:llama3.2:4bit": 0.5}"#), Some(300.0));
    for other in [r#"{"cuda:llama3.2:4bit": 0.5}"#, r#"{"cpu:llama3.2:4bit": "x"}"#, "[]", "{"] {
        assert_eq!(rate(other), None, "{other}");
    }
    assert_eq!(original(Path::new("/no/such/file"), "llama3.2", 1, 4), None);
}
