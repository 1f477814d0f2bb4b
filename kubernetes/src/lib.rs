//! The Kubernetes side: PrometheusRule and AlertmanagerConfig objects, selected, read and watched without an operator.
