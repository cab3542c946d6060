//! Counters of files that are written here, as the kernel has them.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

struct Machine(TempDir);

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| machine.set(name, text));
        machine
    }

    fn set(&self, name: &str, text: &str) {
        let path = self.0.path().join("sys/class").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn meter(&self) -> Meter {
        Meter::open(self.0.path(), Vec::new())
    }
}

/// Joules by name, so many seconds after the begin.
fn taken(meter: &mut Meter, seconds: u64) -> Vec<(String, f64)> {
    let now = meter.began + Duration::from_secs(seconds);
    meter.read_at(now);
    meter
        .taken_at(now)
        .into_iter()
        .map(|taken| (taken.name, (taken.joules * 1000.0).round() / 1000.0))
        .collect()
}

fn named(all: &[(&str, f64)]) -> Vec<(String, f64)> {
    all.iter().map(|(name, joules)| ((*name).to_owned(), *joules)).collect()
}

const TWO_SOCKETS: [(&str, &str); 16] = [
    ("powercap/intel-rapl:0/name", "package-0\n"),
    ("powercap/intel-rapl:0/energy_uj", "1000000\n"),
    ("powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n"),
    ("powercap/intel-rapl:0:0/name", "core\n"),
    ("powercap/intel-rapl:0:0/energy_uj", "1\n"),
    ("powercap/intel-rapl:0:1/name", "dram\n"),
    ("powercap/intel-rapl:0:1/energy_uj", "5000000\n"),
    ("powercap/intel-rapl:0:1/max_energy_range_uj", "65712999613\n"),
    ("powercap/intel-rapl:1/name", "package-1\n"),
    ("powercap/intel-rapl:1/energy_uj", "262143000000\n"),
    ("powercap/intel-rapl:1/max_energy_range_uj", "262143328850\n"),
    ("powercap/intel-rapl:2/name", "psys\n"),
    ("powercap/intel-rapl:2/energy_uj", "7\n"),
    ("powercap/intel-rapl-mmio:0/name", "package-0\n"),
    ("powercap/intel-rapl-mmio:0/energy_uj", "7\n"),
    ("powercap/intel-rapl/enabled", "1\n"),
];

#[test]
fn packages_and_memory_are_added_and_parts_of_them_are_not() {
    let machine = Machine::new(&TWO_SOCKETS);
    let mut meter = machine.meter();
    assert_eq!((meter.refusals(), meter.interval()), (&[][..], COUNTED_EVERY));
    machine.set("powercap/intel-rapl:0/energy_uj", "31000000\n");
    machine.set("powercap/intel-rapl:0:0/energy_uj", "20000000\n");
    machine.set("powercap/intel-rapl:0:1/energy_uj", "9000000\n");
    machine.set("powercap/intel-rapl:2/energy_uj", "90000000\n");
    // The other socket's counter wraps.
    machine.set("powercap/intel-rapl:1/energy_uj", "671150\n");
    let expected = named(&[("rapl:package-0", 30.0), ("rapl:dram-0", 4.0), ("rapl:package-1", 1.0)]);
    assert_eq!(taken(&mut meter, 10), expected);
    // And it goes on from there, also over a second wrap.
    machine.set("powercap/intel-rapl:1/energy_uj", "262143328850\n");
    taken(&mut meter, 20);
    machine.set("powercap/intel-rapl:1/energy_uj", "1000000\n");
    let joules = taken(&mut meter, 30)[2].1;
    assert!((joules - (1.0 + 262_142.658 + 1.0)).abs() < 0.01, "{joules}");
}

#[test]
fn what_is_missing_is_left_out() {
    let machine = Machine::new(&[
        ("powercap/intel-rapl:0/name", "package-0\n"),
        ("powercap/intel-rapl:0/energy_uj", "5\n"),
        ("powercap/intel-rapl:1/energy_uj", "5\n"),
    ]);
    let mut meter = machine.meter();
    machine.set("powercap/intel-rapl:0/energy_uj", "2000005\n");
    assert_eq!(taken(&mut meter, 3), named(&[("rapl:package-0", 2.0)]));
    // Without a range, a counter that falls was set back.
    machine.set("powercap/intel-rapl:0/energy_uj", "0\n");
    assert_eq!(taken(&mut meter, 4), named(&[("rapl:package-0", 2.0)]));
    // What is gone has told all that it could.
    fs::remove_file(machine.0.path().join("sys/class/powercap/intel-rapl:0/energy_uj")).unwrap();
    assert_eq!(taken(&mut meter, 5), named(&[("rapl:package-0", 2.0)]));
    let mut nothing = Machine::new(&[]).meter();
    assert!(nothing.is_empty() && nothing.refusals().is_empty());
    assert_eq!(taken(&mut nothing, 5), []);
}

#[test]
fn a_counter_that_stands_still_is_no_energy() {
    let machine = Machine::new(&TWO_SOCKETS);
    let mut meter = machine.meter();
    machine.set("powercap/intel-rapl:0/energy_uj", "2000000\n");
    assert_eq!(taken(&mut meter, 60), named(&[("rapl:package-0", 1.0)]));
}

#[test]
fn what_may_not_be_read_is_told_with_its_remedy() {
    let machine = Machine::new(&TWO_SOCKETS);
    // Root may read what others may not, so a folder stands for what is refused.
    for socket in ["0", "1"] {
        let path = machine.0.path().join(format!("sys/class/powercap/intel-rapl:{socket}/energy_uj"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }
    let meter = machine.meter();
    let names: Vec<_> = meter.refusals().iter().map(|refusal| refusal.name.as_str()).collect();
    assert_eq!(names, ["rapl:package-0", "rapl:package-1"]);
    assert!(!meter.is_empty(), "the memory's counter can be read");
    assert!(remedy(meter.refusals(), machine.0.path()).contains("chmod a+r"));
    assert!(remedy(&[], machine.0.path()).contains("virtual machines"));
    fs::write(machine.0.path().join(".dockerenv"), "").unwrap();
    assert!(remedy(&[], machine.0.path()).contains("docker run -v /sys/class/powercap"));
}

#[test]
fn cards_of_amd_count_or_tell_their_power() {
    let machine = Machine::new(&[
        ("hwmon/hwmon0/name", "nvme\n"),
        ("hwmon/hwmon0/energy1_input", "1\n"),
        ("hwmon/hwmon1/name", "amdgpu\n"),
        ("hwmon/hwmon1/energy1_input", "1000000\n"),
        ("hwmon/hwmon1/power1_average", "9\n"),
        ("hwmon/hwmon2/name", "amdgpu\n"),
        ("hwmon/hwmon2/power1_average", "100000000\n"),
        ("hwmon/hwmon3/name", "amdgpu\n"),
    ]);
    let mut meter = machine.meter();
    assert_eq!(meter.interval(), WATCHED_EVERY);
    machine.set("hwmon/hwmon1/energy1_input", "4000000\n");
    machine.set("hwmon/hwmon2/power1_average", "200000000\n");
    // 150 W on the way, then 200 W.
    assert_eq!(taken(&mut meter, 2), named(&[("amdgpu:hwmon1", 3.0), ("amdgpu:hwmon2", 300.0)]));
    assert_eq!(taken(&mut meter, 3)[1].1, 500.0);
}

struct Told(Arc<AtomicU64>);

impl CardEnergy for Told {
    fn name(&self) -> String {
        "nvml:0 H100".to_owned()
    }

    fn millijoules(&self) -> Result<u64, String> {
        match self.0.load(Ordering::Relaxed) {
            0 => Err("not supported".to_owned()),
            told => Ok(told),
        }
    }
}

#[test]
fn cards_of_nvidia_count_by_their_library() {
    let told = Arc::new(AtomicU64::new(1_000_000));
    let open = || Meter::open(Path::new("/no/such"), vec![Box::new(Told(Arc::clone(&told)))]);
    let mut meter = open();
    told.store(1_250_000, Ordering::Relaxed);
    assert_eq!(taken(&mut meter, 5), named(&[("nvml:0 H100", 250.0)]));
    // As a part of a card (MIG).
    told.store(0, Ordering::Relaxed);
    assert_eq!(
        open().refusals(),
        [Refusal { name: "nvml:0 H100".to_owned(), why: "not supported".to_owned() }]
    );
}
