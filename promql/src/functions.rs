//! The table of functions.

use crate::ast::ValueType;
use crate::ast::ValueType::{Matrix, Scalar, String, Vector};

/// A function of the language.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// As it is written; case matters.
    pub name: &'static str,
    /// The types of its arguments. With optional ones the last is that of all of them.
    pub arguments: &'static [ValueType],
    /// Which of the arguments may be left out or repeated.
    pub arity: Arity,
    /// What it returns.
    pub returns: ValueType,
    /// Whether it must be switched on.
    pub experimental: bool,
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// As many as it has types.
    Exact,
    /// The last one need not be there, and at most so many may be.
    Optional(usize),
    /// The last one may be there any number of times, or not.
    Repeated,
}

/// The function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().and_then(|index| FUNCTIONS.get(index))
}

const fn exact(name: &'static str, arguments: &'static [ValueType], returns: ValueType) -> Function {
    Function { name, arguments, arity: Arity::Exact, returns, experimental: false }
}

const fn optional(name: &'static str, arguments: &'static [ValueType]) -> Function {
    Function { name, arguments, arity: Arity::Optional(1), returns: Vector, experimental: false }
}

const fn experimental(function: Function) -> Function {
    Function {
        name: function.name,
        arguments: function.arguments,
        arity: function.arity,
        returns: function.returns,
        experimental: true,
    }
}

const fn repeated(name: &'static str, arguments: &'static [ValueType]) -> Function {
    Function { name, arguments, arity: Arity::Repeated, returns: Vector, experimental: false }
}

/// Vector to vector.
const fn of_vector(name: &'static str) -> Function {
    exact(name, &[Vector], Vector)
}

/// Range to vector.
const fn of_range(name: &'static str) -> Function {
    exact(name, &[Matrix], Vector)
}

/// Of the evaluation time unless a vector is given.
const fn of_time(name: &'static str) -> Function {
    optional(name, &[Vector])
}

/// Every function of Prometheus 3.14, by name.
pub const FUNCTIONS: [Function; 90] = [
    of_vector("abs"),
    of_vector("absent"),
    of_range("absent_over_time"),
    of_vector("acos"),
    of_vector("acosh"),
    of_vector("asin"),
    of_vector("asinh"),
    of_vector("atan"),
    of_vector("atanh"),
    of_range("avg_over_time"),
    of_vector("ceil"),
    of_range("changes"),
    exact("clamp", &[Vector, Scalar, Scalar], Vector),
    exact("clamp_max", &[Vector, Scalar], Vector),
    exact("clamp_min", &[Vector, Scalar], Vector),
    of_vector("cos"),
    of_vector("cosh"),
    of_range("count_over_time"),
    of_time("day_of_month"),
    of_time("day_of_week"),
    of_time("day_of_year"),
    of_time("days_in_month"),
    of_vector("deg"),
    of_range("delta"),
    of_range("deriv"),
    experimental(exact("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Vector)),
    experimental(exact("end", &[], Scalar)),
    of_vector("exp"),
    of_range("first_over_time"),
    of_vector("floor"),
    of_vector("histogram_avg"),
    of_vector("histogram_count"),
    exact("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    exact("histogram_quantile", &[Scalar, Vector], Vector),
    Function {
        name: "histogram_quantiles",
        arguments: &[Vector, String, Scalar, Scalar],
        arity: Arity::Optional(9),
        returns: Vector,
        experimental: true,
    },
    of_vector("histogram_stddev"),
    of_vector("histogram_stdvar"),
    of_vector("histogram_sum"),
    of_time("hour"),
    of_range("idelta"),
    of_range("increase"),
    experimental(optional("info", &[Vector, Vector])),
    of_range("irate"),
    repeated("label_join", &[Vector, String, String, String]),
    exact("label_replace", &[Vector, String, String, String, String], Vector),
    of_range("last_over_time"),
    of_vector("ln"),
    of_vector("log10"),
    of_vector("log2"),
    experimental(of_range("mad_over_time")),
    experimental(exact("max_of", &[Scalar, Scalar], Scalar)),
    of_range("max_over_time"),
    experimental(exact("min_of", &[Scalar, Scalar], Scalar)),
    of_range("min_over_time"),
    of_time("minute"),
    of_time("month"),
    exact("pi", &[], Scalar),
    exact("predict_linear", &[Matrix, Scalar], Vector),
    of_range("present_over_time"),
    exact("quantile_over_time", &[Scalar, Matrix], Vector),
    of_vector("rad"),
    experimental(exact("range", &[], Scalar)),
    of_range("rate"),
    of_range("resets"),
    optional("round", &[Vector, Scalar]),
    exact("scalar", &[Vector], Scalar),
    of_vector("sgn"),
    of_vector("sin"),
    of_vector("sinh"),
    of_vector("sort"),
    experimental(repeated("sort_by_label", &[Vector, String])),
    experimental(repeated("sort_by_label_desc", &[Vector, String])),
    of_vector("sort_desc"),
    of_vector("sqrt"),
    experimental(exact("start", &[], Scalar)),
    experimental(of_vector("start_timestamp")),
    of_range("stddev_over_time"),
    of_range("stdvar_over_time"),
    experimental(exact("step", &[], Scalar)),
    of_range("sum_over_time"),
    of_vector("tan"),
    of_vector("tanh"),
    exact("time", &[], Scalar),
    of_vector("timestamp"),
    experimental(of_range("ts_of_first_over_time")),
    experimental(of_range("ts_of_last_over_time")),
    experimental(of_range("ts_of_max_over_time")),
    experimental(of_range("ts_of_min_over_time")),
    exact("vector", &[Scalar], Vector),
    of_time("year"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_function_is_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        for entry in &FUNCTIONS {
            assert_eq!(function(entry.name), Some(entry));
        }
        assert_eq!(function("Rate"), None);
        assert_eq!(FUNCTIONS.iter().filter(|function| function.experimental).count(), 17);
    }
}
