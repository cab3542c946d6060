//! NVIDIA's graphics cards, by their driver's library, which is loaded where there is a card: what their memory manages, and
//! the energy that they have taken. Without the library, or without a card, there are none.

use std::path::Path;
use std::sync::Arc;

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::Clock;

/// Operations of a core in a cycle, and how many times more the units for matrices of 16 bits do.
const OF_A_CORE: f64 = 2.0;
const OF_MATRICES: f64 = 4.0;
/// Transfers of a memory in a cycle.
const TRANSFERS: f64 = 2.0;

/// What a card manages.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// Bytes a second of its memory, by its width and clock.
    pub bandwidth: f64,
    /// Operations a second with numbers of 16 bits, by its cores and clock.
    pub compute: f64,
}

/// A counter of the energy that a card has taken since its driver was loaded.
pub trait CardEnergy: Send {
    /// The card's name, for people.
    fn name(&self) -> String;
    /// Millijoules; the reason, if the card does not tell.
    fn millijoules(&self) -> Result<u64, String>;
}

/// Whether this machine may have cards, without a question to their library, which takes its time to begin.
pub fn are_there() -> bool {
    Path::new("/dev/nvidiactl").exists()
}

/// The cards of this machine.
pub fn cards() -> Vec<Card> {
    let Some(nvml) = library() else { return Vec::new() };
    (0..nvml.device_count().unwrap_or(0)).filter_map(|index| card(&nvml, index)).collect()
}

/// Counters of the cards of this machine.
pub fn counters() -> Vec<Box<dyn CardEnergy>> {
    let Some(nvml) = library().map(Arc::new) else { return Vec::new() };
    let counter = |index| Box::new(Counter { nvml: Arc::clone(&nvml), index }) as Box<dyn CardEnergy>;
    (0..nvml.device_count().unwrap_or(0)).map(counter).collect()
}

fn library() -> Option<Nvml> {
    are_there().then(Nvml::init)?.ok()
}

fn card(nvml: &Nvml, index: u32) -> Option<Card> {
    let device = nvml.device_by_index(index).ok()?;
    let hertz = |clock| Some(f64::from(device.max_clock_info(clock).ok()?) * 1e6);
    let width = f64::from(device.memory_bus_width().ok()?) / 8.0;
    Some(Card {
        name: device.name().ok()?,
        memory: device.memory_info().ok()?.total,
        bandwidth: width * hertz(Clock::Memory)? * TRANSFERS,
        compute: f64::from(device.num_cores().ok()?) * hertz(Clock::SM)? * OF_A_CORE * OF_MATRICES,
    })
}

struct Counter {
    nvml: Arc<Nvml>,
    index: u32,
}

impl CardEnergy for Counter {
    fn name(&self) -> String {
        let name = self.nvml.device_by_index(self.index).and_then(|device| device.name());
        format!("nvml:{} {}", self.index, name.unwrap_or_default())
    }

    fn millijoules(&self) -> Result<u64, String> {
        let device = self.nvml.device_by_index(self.index).map_err(|error| error.to_string())?;
        device.total_energy_consumption().map_err(|error| error.to_string())
    }
}
