//! What may soon be lost: sessions that are near their timeout, nodes that go with another session, two holders of one
//! name; and whether a session's timeout fits what was seen. Pure.

pub mod heartbeat_budget;
pub mod node_owner;
pub mod risk_book;
pub mod risk_code;
pub mod risk_key;
pub mod service_outages;
pub mod session_risk;
pub mod timeout_advice;

pub use heartbeat_budget::{HeartbeatBudget, HeartbeatSample, SilentSide};
pub use node_owner::{MetNode, NodeOwner, OwnerState};
pub use risk_book::{AwaySession, AwayState, RiskBook, RiskLosses};
pub use risk_code::RiskCode;
pub use risk_key::RiskKey;
pub use service_outages::service_outages;
pub use session_risk::{RiskDetail, RiskOutcome, RiskSubject, SessionRisk};
pub use timeout_advice::{SeenOutages, TimeoutAdvice, TimeoutFit};
