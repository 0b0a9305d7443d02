//! Notifications of SOL005 (SOL013 8.3): what happens is written down once, in its order, and given to each subscriber in that
//! order, at least once, however long that takes. A subscriber that is slow or dead must never hold up anything else.

mod callback;
mod courier;
mod notice;
mod scribe;
mod subscription;
mod telling;

pub use callback::{Callbacks, Unreachable};
pub use courier::Couriers;
pub use notice::Notice;
pub use scribe::Scribe;
pub use subscription::{Delivery, NewSubscription, Subscription, SubscriptionError, Subscriptions};
