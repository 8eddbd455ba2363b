//! The counters under Triton's names, for dashboards and autoscalers that look for those. Times are in microseconds.
//!
//! Written by hand: these counters have no `_total` behind their names, which the library would add.

use std::fmt::Write as _;

use tidegate_engine::VariantStats;

/// One counter of a variant.
type Reading = fn(&VariantStats) -> u64;

const COUNTERS: [(&str, &str, Reading); 9] = [
    ("nv_inference_request_success", "Requests that were answered", |variant| variant.requests),
    ("nv_inference_request_failure", "Requests that failed in the model", |variant| variant.errors),
    ("nv_inference_count", "Rows scored", |variant| variant.rows),
    ("nv_inference_exec_count", "Runs of the model", |variant| variant.executions),
    ("nv_inference_request_duration_us", "Time of requests that were answered", |variant| {
        variant.success_ns() / 1000
    }),
    ("nv_inference_queue_duration_us", "Time in a queue", |variant| variant.queue_ns / 1000),
    ("nv_inference_compute_input_duration_us", "Time until batches were ready", |variant| {
        variant.input_ns / 1000
    }),
    ("nv_inference_compute_infer_duration_us", "Time in the model", |variant| variant.duration_ns / 1000),
    ("nv_inference_compute_output_duration_us", "Time until answers were encoded", |variant| {
        variant.output_ns / 1000
    }),
];

/// Appends the counters of every version that answers; `model` is the endpoint, as the protocol has it.
pub(super) fn write(text: &mut String, variants: &[VariantStats]) {
    for (name, help, value) in COUNTERS {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
        for variant in variants.iter().filter(|variant| !variant.shadow) {
            let (model, version) = (label(&variant.endpoint), label(&variant.version));
            let _ = writeln!(text, "{name}{{model=\"{model}\",version=\"{version}\"}} {}", value(variant));
        }
    }
}

/// A value as the text format wants it.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shadows_have_no_part_and_labels_are_escaped() {
        let variant = |endpoint: &str, shadow| VariantStats {
            endpoint: endpoint.into(),
            version: "1".into(),
            shadow,
            requests: 2,
            ..VariantStats::default()
        };
        let mut text = String::new();
        write(&mut text, &[variant("a\"b\\", false), variant("hidden", true)]);
        assert!(text.contains(r#"nv_inference_request_success{model="a\"b\\",version="1"} 2"#), "{text}");
        assert!(!text.contains("hidden"));
        assert_eq!(text.lines().count(), 3 * COUNTERS.len());
    }
}
