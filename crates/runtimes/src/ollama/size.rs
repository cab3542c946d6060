//! Slots and window of a model at a daemon that a watchdog of ours runs, by the memory that there is.

use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::memory;
use minions_machine::plan::Wish;
use serde_json::Value;

use super::daemon_size::{Asked, PARALLEL, Told};
use super::name::Name;
use super::{ONE_SLOT, Ollama};
use crate::sizing::{self, Memory};
use crate::{Endpoint, ModelUse, Need, RuntimeError, window};

/// The calls that the daemon takes at once, at most, where the user has not set `OLLAMA_NUM_PARALLEL`.
pub(super) const SLOTS: usize = 4;

impl Ollama {
    /// The window of `need` and the daemon's slots, so that the model of `shown` fits into the memory, where a watchdog of
    /// ours runs the daemon. `window` was chosen without regard to that; `loaded` is the window that the model has now.
    pub(super) async fn fit(
        &self,
        need: &Need,
        name: &Name,
        shown: &Value,
        window: u32,
        loaded: Option<u32>,
    ) -> Result<u32, RuntimeError> {
        let Some((start, told)) = self.start.as_ref().and_then(|start| Some((start, start.told()?))) else {
            return Ok(window);
        };
        // It is in memory as it is asked for. A model that embeds is small, and the daemon has the size for the one that
        // chats.
        if loaded == Some(window) || need.model_use == ModelUse::Embed {
            return Ok(window);
        }
        let Some((footprint, mut memory)) = self.sizes(name, shown, &told).await? else { return Ok(window) };
        let are_others = self.others(&mut memory).await;
        let family = shown["details"]["family"].as_str().unwrap_or_default();
        let (least_slots, slots) = match (ONE_SLOT.contains(&family), told.are_slots_set) {
            (true, _) => (1, 1),
            (false, true) => (told.slots, told.slots),
            (false, false) => (1, SLOTS),
        };
        let wish = Wish { window, least_window: window::least(need, window), slots, least_slots };
        let plan = match sizing::choose(&need.model, &footprint, wish, &memory) {
            Ok(plan) => plan,
            Err(error) if least_slots > 1 => {
                let fewer =
                    sizing::choose(&need.model, &footprint, Wish { least_slots: 1, ..wish }, &memory)?;
                tracing::warn!(
                    "{error}; {PARALLEL} is kept, and {} would fit",
                    fewer.map_or(1, |plan| plan.slots)
                );
                None
            }
            Err(error) if are_others => {
                tracing::warn!("{error}; it is tried all the same, as the daemon ends other models for room");
                return Ok(wish.least_window);
            }
            Err(error) => return Err(error),
        };
        let Some(plan) = plan else { return Ok(window) };
        let slots = if ONE_SLOT.contains(&family) { told.slots } else { plan.slots };
        let is_unused = !are_others && start.is_alone().await;
        if let Some(asked) = told.change(slots, plan.left, is_unused) {
            start.resize(self, asked).await?;
        }
        Ok(plan.window)
    }

    /// The footprint of the model of `shown` and the memory that there is, as far as both are known.
    async fn sizes(
        &self,
        name: &Name,
        shown: &Value,
        told: &Told,
    ) -> Result<Option<(Footprint, Memory)>, RuntimeError> {
        let weights = self.bytes_of(name).await?;
        let cache = CacheType::named(&told.cache_type);
        let footprint = weights.and_then(|weights| sizing::footprint(&shown["model_info"], weights, cache));
        Ok(match footprint.zip(memory::free()) {
            Some((footprint, free)) => Some((footprint, Memory::with(free).await)),
            None => None,
        })
    }

    /// The bytes of a model's files.
    async fn bytes_of(&self, name: &Name) -> Result<Option<u64>, RuntimeError> {
        let answer = self.api.get("/api/tags", self.timeouts.answer).await?.json();
        Ok(size_of(&answer, name))
    }

    /// Whether models are in memory, as far as the daemon says. What they take is added to `memory`: the daemon ends them
    /// where it needs the room.
    async fn others(&self, memory: &mut Memory) -> bool {
        let get = |path| self.api.get(path, self.timeouts.answer);
        // Without an answer they count as staying.
        let Ok(answer) = get("/api/ps").await else { return true };
        let loaded = answer.json();
        let models = loaded["models"].as_array().map_or(&[][..], Vec::as_slice);
        let files = match models {
            [] => Value::Null,
            _ => get("/api/tags").await.map(|answer| answer.json()).unwrap_or_default(),
        };
        for model in models {
            let name = model["name"].as_str().and_then(|name| Name::parse(name).ok());
            let (bytes, on_card) = given_back(model, name.and_then(|name| size_of(&files, &name)));
            memory.give_back(bytes, on_card);
        }
        !models.is_empty()
    }

    /// See [`Runtime::shrink`](crate::Runtime::shrink).
    pub(super) async fn fewer_slots(&self) -> Result<(), RuntimeError> {
        let told = self.start.as_ref().and_then(|start| Some((start, start.told()?)));
        match told {
            Some((start, told)) if told.slots > 1 && !told.are_slots_set => {
                let cache_ram = if told.is_cache_set { told.cache_ram } else { Some(0) };
                start.resize(self, Asked { slots: told.slots / 2, cache_ram }).await
            }
            _ => Err(sizing::lacks(format!("{} has no slot to spare", self.api.place))),
        }
    }

    /// See [`Runtime::memory`](crate::Runtime::memory).
    pub(super) async fn figures(&self, endpoint: &Endpoint) -> Option<String> {
        let told = self.start.as_ref()?.told()?;
        let shown = self.show(&endpoint.model).await.ok()??;
        let name = Name::parse(&endpoint.model).ok()?;
        let (footprint, memory) = self.sizes(&name, &shown, &told).await.ok()??;
        let window = endpoint.context_window.unwrap_or(window::DEFAULT);
        Some(format!("{}, and {}", footprint.words(window, told.slots), memory.words()))
    }
}

/// The bytes of a model's files in the answer of `/api/tags`.
fn size_of(tags: &Value, name: &Name) -> Option<u64> {
    let is_it = |model: &&Value| {
        model["name"].as_str().map(Name::parse).is_some_and(|there| there.as_ref() == Ok(name))
    };
    tags["models"].as_array()?.iter().find(is_it)?["size"].as_u64()
}

/// What a model in the answer of `/api/ps` gives back when it is ended: of the machine's memory, and of the cards'. Its
/// `weights` are mapped from files, whose memory counts as free already; half of all is theirs where they are not known.
fn given_back(model: &Value, weights: Option<u64>) -> (u64, u64) {
    let bytes = |name: &str| model[name].as_u64().unwrap_or(0);
    let on_card = bytes("size_vram");
    let here = bytes("size").saturating_sub(on_card);
    (here.saturating_sub(weights.unwrap_or(here / 2)), on_card)
}

#[cfg(test)]
mod tests {
    use super::super::daemon_size::tests::{NOBODY, watched};
    use super::*;
    use minions_machine::gpu::{self, Gpu};
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn loaded_models_give_back_what_does_not_count_as_free_already() {
        for (size, on_card, weights, expected) in [
            (500, 0, Some(90), (410, 0)),
            (500, 500, Some(90), (0, 500)),
            (500, 300, Some(90), (110, 300)),
            (500, 450, Some(90), (0, 450)),
            (500, 0, Some(600), (0, 0)),
            (500, 0, None, (250, 0)),
            (500, 300, None, (100, 300)),
            // Nonsense.
            (100, 500, Some(1), (0, 500)),
        ] {
            let model = json!({"name": "m", "size": size, "size_vram": on_card});
            assert_eq!(given_back(&model, weights), expected, "{size} {on_card} {weights:?}");
        }
        assert_eq!(given_back(&json!({}), None), (0, 0));
        let tags = json!({"models": [{"name": "other:latest", "size": 3}, {"name": "m:latest", "size": 7}]});
        assert_eq!(size_of(&tags, &Name::parse("m").unwrap()), Some(7));
        assert_eq!(size_of(&Value::Null, &Name::parse("m").unwrap()), None);
    }

    #[tokio::test]
    async fn a_model_that_embeds_changes_nothing() {
        let base = tempfile::tempdir().unwrap();
        let (ollama, _held) = watched(base.path(), NOBODY, 1).await;
        let name = Name::parse("m").unwrap();
        for (model_use, expected) in [(ModelUse::Embed, Some(2048)), (ModelUse::Chat, None)] {
            let need = Need { model_use, ..Need::default() };
            let window = ollama.fit(&need, &name, &Value::Null, 2048, None).await;
            assert_eq!(window.ok(), expected, "{model_use:?}");
        }
    }

    /// A daemon with one model, larger than any machine, and such an answer of `/api/ps`.
    async fn daemon(loaded: Value) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                let body = match request[..length].starts_with(b"GET /api/ps") {
                    true => loaded.to_string(),
                    false => json!({"models": [{"name": "m:latest", "size": 1_u64 << 60}]}).to_string(),
                };
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            }
        });
        url
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_seems_not_to_fit_is_tried_where_models_can_be_ended() {
        let none = json!({"models": []});
        let other = json!({"models": [{"name": "other:latest", "size": 1 << 20, "size_vram": 0}]});
        let shown = json!({"model_info": {
            "general.architecture": "x", "x.block_count": 1, "x.embedding_length": 8,
        }});
        // A card may hold it.
        let is_known = gpu::gpu() != Gpu::Unknown;
        for (loaded, expected) in [(none, None), (other, Some(2048))] {
            let base = tempfile::tempdir().unwrap();
            let (ollama, _held) = watched(base.path(), &daemon(loaded.clone()).await, 1).await;
            let name = Name::parse("m").unwrap();
            let window = ollama.fit(&Need::default(), &name, &shown, 8192, None).await;
            assert_eq!(window.ok(), if is_known { expected } else { Some(8192) }, "{loaded}");
        }
    }
}
