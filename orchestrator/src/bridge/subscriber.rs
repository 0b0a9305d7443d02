//! Takes SenML from the broker beside it: every message is kept before it is acknowledged, so that nothing is lost when
//! this program or the broker is ended at any moment. A message that is no SenML is logged and acknowledged: it will not
//! become better by coming again.

use std::sync::PoisonError;
use std::time::Duration;

use rumqttc::mqttbytes::v5::{Packet, Publish};
use rumqttc::{AckMode, AsyncClient, BrokerSessionResumePolicy, Event, EventLoop, MqttOptions, QoS};

use super::http::Shared;
use super::readings::Reading;
use super::senml::resolve;
use super::{BridgeConfig, BridgeError};

/// `sliceway/<device>/<resource>`
pub(crate) const TOPIC: &str = "sliceway/+/+";
const LONGEST_NAME: usize = 128;
const LARGEST_PACK: u32 = 256 * 1024;
/// Between tries to connect: the broker is one program on loopback, which a crowd cannot overrun, so no chance is needed.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs until keeping fails; a broker that is away is waited for.
pub(crate) async fn run(config: &BridgeConfig, readings: Shared) -> Result<(), BridgeError> {
    let (client, mut events) = connect(config);
    let mut away = None;
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                away = None;
                tracing::info!(broker = %config.mqtt, "connected to the broker");
                // Asking again for what the broker remembers is harmless.
                client.try_subscribe(TOPIC, QoS::AtLeastOnce).map_err(|error| BridgeError::Mqtt(error.to_string()))?;
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                take(config, &readings, &publish).await?;
                client.try_ack(&publish).map_err(|error| BridgeError::Mqtt(error.to_string()))?;
            }
            Ok(_) => {}
            Err(error) => {
                if away.is_none() {
                    tracing::warn!(broker = %config.mqtt, %error, "the broker is away; trying again");
                }
                let pause = next_pause(away);
                tokio::time::sleep(pause).await;
                away = Some(pause);
            }
        }
    }
}

fn next_pause(last: Option<Duration>) -> Duration {
    last.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE))
}

fn connect(config: &BridgeConfig) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new("sliceway-senml", (config.mqtt.ip().to_string(), config.mqtt.port()));
    options
        .set_keep_alive(15)
        .set_clean_start(false)
        .set_session_expiry_interval(Some(u32::MAX))
        // Nothing of ours is in flight across a restart but messages that we did not acknowledge.
        .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly)
        .set_ack_mode(AckMode::Manual)
        .set_max_packet_size(Some(LARGEST_PACK));
    AsyncClient::builder(options).capacity(1024).build()
}

async fn take(config: &BridgeConfig, readings: &Shared, publish: &Publish) -> Result<(), BridgeError> {
    let topic = String::from_utf8_lossy(&publish.topic).into_owned();
    let Some((device, resource)) = parts(&topic) else {
        tracing::warn!(topic = topic.get(..LONGEST_NAME).unwrap_or_default(), "a topic has names that are too long");
        return Ok(());
    };
    let now = (config.clock)().as_duration().as_secs_f64();
    let records = match resolve(&publish.payload, now) {
        Ok(records) => records,
        Err(error) => {
            tracing::warn!(topic, %error, "a message is no SenML pack");
            return Ok(());
        }
    };
    let reading = |record| Reading { device: device.to_owned(), resource: resource.to_owned(), record };
    let found: Vec<Reading> = records.into_iter().map(reading).collect();
    let readings = readings.clone();
    let kept = tokio::task::spawn_blocking(move || readings.lock().unwrap_or_else(PoisonError::into_inner).keep(found));
    kept.await.map_err(|error| BridgeError::Mqtt(error.to_string()))?.map_err(BridgeError::Data)?;
    Ok(())
}

/// Both names are kept with every reading, so long ones are no names.
pub(super) fn parts(topic: &str) -> Option<(&str, &str)> {
    let parts = topic.strip_prefix("sliceway/")?.split_once('/')?;
    (parts.0.len() <= LONGEST_NAME && parts.1.len() <= LONGEST_NAME).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let mut pauses = vec![next_pause(None)];
        for _ in 0..8 {
            pauses.push(next_pause(pauses.last().copied()));
        }
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]) && pauses[0] < pauses[1]);
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
    }

    #[test]
    fn a_topic_names_the_device_and_its_resource() {
        assert_eq!(parts("sliceway/thermo-1/temperature"), Some(("thermo-1", "temperature")));
        assert_eq!(parts(&format!("sliceway/{}/t", "a".repeat(129))), None);
        assert_eq!(parts("other/thermo-1/temperature"), None);
    }
}
