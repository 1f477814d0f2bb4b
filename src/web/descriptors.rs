//! How many files and sockets may be open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections have this part of them: the store, deliveries and queries need the rest.
const PART_OF_CONNECTIONS: u64 = 2;
/// Where there is no limit.
const PLENTY: u64 = 1 << 20;

/// Raises the limit to what the system allows, as Go's programs do at their start: 1024, which many systems begin with, is from
/// days when more could not be told apart. The limit now.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::debug!(%error, "the limit of open files stays");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(PLENTY)
}

/// How many connections there may be, of those that are wanted.
pub fn connections(wanted: usize, descriptors: u64) -> usize {
    let possible = usize::try_from(descriptors / PART_OF_CONNECTIONS).unwrap_or(usize::MAX);
    if possible < wanted {
        let limit = descriptors;
        tracing::warn!(
            wanted,
            possible,
            limit,
            "fewer connections than wanted, as few files may be open: raise `ulimit -n`"
        );
    }
    wanted.min(possible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_descriptors_to_others() {
        assert_eq!(connections(4096, 1 << 20), 4096);
        assert_eq!(connections(4096, 1024), 512);
    }
}
