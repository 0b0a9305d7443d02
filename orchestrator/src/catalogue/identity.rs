//! What clusters know this installation by. It is drawn once, and goes with the data folder wherever that is taken.

use crate::ops::codec;
use crate::store::{Clock, Random, Store, StoreError, Txn};
use adapters::kubernetes::Holder;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a cluster is believed to be this server's without being asked.
const HOLD: Duration = Duration::from_secs(10);

/// As whom clusters are written on.
pub(crate) async fn holder(store: &Arc<dyn Store>, (clock, random): (&Clock, &Random)) -> Result<Holder, StoreError> {
    let at = clock.clone();
    Ok(Holder {
        instance: instance(store, random).await?,
        server: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        now: Arc::new(move || jiff::Timestamp::try_from(at.now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)),
        good_for: HOLD,
    })
}

async fn instance(store: &Arc<dyn Store>, random: &Random) -> Result<String, StoreError> {
    let key = codec::installation_key();
    if let Some(known) = store.get(&key).await?.and_then(|object| object.doc["id"].as_str().map(str::to_owned)) {
        return Ok(known);
    }
    let mut bytes = [0; 16];
    random.fill(&mut bytes).map_err(|error| StoreError::Corrupt(format!("no randomness: {error}")))?;
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
    store.commit(Txn::new().absent(key.clone()).put(key, json!({"id": id}))).await?;
    Ok(id)
}
