//! How a page is looked at: a width and a colour scheme.

/// One way to look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: u32,
    pub dark: bool,
}

/// A desk in the daytime.
pub const DESK: Look = Look { width: 1280, dark: false };
/// A phone at night.
pub const PHONE: Look = Look { width: 360, dark: true };

/// Every way that pages must be fit for.
pub const ALL: [Look; 4] = [DESK, Look { width: 1280, dark: true }, Look { width: 360, dark: false }, PHONE];

impl Look {
    pub fn scheme(self) -> &'static str {
        if self.dark { "dark" } else { "light" }
    }

    pub fn is_phone(self) -> bool {
        self.width < 600
    }

    /// `1280-light`, for names of pictures.
    pub fn name(self) -> String {
        format!("{}-{}", self.width, self.scheme())
    }
}
