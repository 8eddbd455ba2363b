//! Request parameters that mean something here; others are passed over, as the protocol wants.

use std::collections::BTreeMap;

use tidegate_engine::Priority;

use crate::fault::Fault;
use crate::generated::inference::InferParameter;
use crate::generated::inference::infer_parameter::ParameterChoice;

type Parameters = BTreeMap<String, InferParameter>;

/// Parameters of a tensor that would change where its bytes are, or what they mean.
const NEVER: [(&str, &str); 2] = [
    ("shared_memory_region", "is in shared memory, which is not read here; send its elements in the request"),
    ("classification", "asks for classification, which is not done here; rank the values that come"),
];

fn choice<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a ParameterChoice> {
    parameters.get(name)?.parameter_choice.as_ref()
}

/// Text as it is, integers in decimal; anything else has no one text.
pub(super) fn routing_key(parameters: &Parameters) -> Result<Option<Vec<u8>>, Fault> {
    match choice(parameters, "routing_key") {
        None => Ok(None),
        Some(ParameterChoice::StringParam(text)) => Ok(Some(text.clone().into_bytes())),
        Some(ParameterChoice::Int64Param(number)) => Ok(Some(number.to_string().into_bytes())),
        Some(ParameterChoice::Uint64Param(number)) => Ok(Some(number.to_string().into_bytes())),
        Some(ParameterChoice::BoolParam(_) | ParameterChoice::DoubleParam(_)) => {
            Err(Fault::invalid("parameter 'routing_key' must be a string or an integer"))
        }
    }
}

pub(super) fn event_time(parameters: &Parameters) -> Result<Option<i64>, Fault> {
    match choice(parameters, "event_time") {
        None => Ok(None),
        Some(ParameterChoice::Int64Param(time)) => Ok(Some(*time)),
        Some(_) => Err(Fault::invalid("parameter 'event_time' must be an int64_param: microseconds UTC")),
    }
}

/// Microseconds that the caller waits; zero says nothing.
pub(super) fn timeout(parameters: &Parameters) -> Result<Option<i64>, Fault> {
    let microseconds = whole(parameters, "timeout", "microseconds")?;
    Ok(microseconds.map(|time| i64::try_from(time).unwrap_or(i64::MAX)))
}

pub(super) fn priority(parameters: &Parameters) -> Result<Priority, Fault> {
    Ok(rank(whole(parameters, "priority", "0 and 1 go first")?.unwrap_or(0)))
}

/// Lower is more urgent; 0 is the default.
pub(super) const fn rank(priority: u64) -> Priority {
    if priority < 2 { Priority::Interactive } else { Priority::Batch }
}

fn whole(parameters: &Parameters, name: &str, meaning: &str) -> Result<Option<u64>, Fault> {
    let given = match choice(parameters, name) {
        None => return Ok(None),
        Some(ParameterChoice::Uint64Param(number)) => Some(*number),
        Some(ParameterChoice::Int64Param(number)) => u64::try_from(*number).ok(),
        Some(_) => None,
    };
    given
        .map(Some)
        .ok_or_else(|| Fault::invalid(format!("parameter '{name}' must be an integer from 0 up: {meaning}")))
}

/// Refuses what can't be passed over.
pub(super) fn check_tensor(kind: &str, name: &str, parameters: &Parameters) -> Result<(), Fault> {
    match NEVER.iter().find(|(never, _)| parameters.contains_key(*never)) {
        None => Ok(()),
        Some((_, why)) => Err(Fault::invalid(format!("{kind} '{name}' {why}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, choice: ParameterChoice) -> Parameters {
        BTreeMap::from([(name.to_owned(), InferParameter { parameter_choice: Some(choice) })])
    }

    #[test]
    fn parameters_have_their_types() {
        let key = |choice| routing_key(&one("routing_key", choice));
        assert_eq!(key(ParameterChoice::Int64Param(-1)).unwrap().unwrap(), b"-1");
        assert_eq!(key(ParameterChoice::StringParam("N1".into())).unwrap().unwrap(), b"N1");
        assert!(key(ParameterChoice::DoubleParam(1.0)).is_err());
        assert_eq!(event_time(&one("event_time", ParameterChoice::Int64Param(5))).unwrap(), Some(5));
        assert!(event_time(&one("event_time", ParameterChoice::StringParam("5".into()))).is_err());
    }

    #[test]
    fn timeout_and_priority_are_whole_numbers() {
        let time = |choice| timeout(&one("timeout", choice)).map_err(|fault| fault.message);
        assert_eq!(time(ParameterChoice::Int64Param(250)), Ok(Some(250)));
        assert_eq!(time(ParameterChoice::Uint64Param(u64::MAX)), Ok(Some(i64::MAX)));
        assert!(time(ParameterChoice::Int64Param(-1)).unwrap_err().contains("'timeout' must be an integer"));
        assert!(time(ParameterChoice::StringParam("1".into())).unwrap_err().contains("'timeout'"));
        let rank = |number| priority(&one("priority", ParameterChoice::Uint64Param(number))).unwrap();
        let ranks = [0, 1, 2, u64::MAX].map(rank);
        let (first, later) = (Priority::Interactive, Priority::Batch);
        assert_eq!(ranks, [first, first, later, later]);
        assert_eq!(priority(&Parameters::new()).unwrap(), first);
        assert!(priority(&one("priority", ParameterChoice::BoolParam(true))).is_err());
    }

    #[test]
    fn what_would_change_the_bytes_is_refused_by_name() {
        for name in ["shared_memory_region", "classification"] {
            let parameters = one(name, ParameterChoice::Int64Param(1));
            let message = check_tensor("output", "p", &parameters).unwrap_err().message;
            assert!(message.starts_with("output 'p' "), "{message}");
        }
        let other = one("binary_data", ParameterChoice::BoolParam(true));
        assert!(check_tensor("output", "p", &other).is_ok());
    }
}
