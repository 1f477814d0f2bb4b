//! Laws that hold whatever the data source answers.
