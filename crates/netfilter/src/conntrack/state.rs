//! How TCP and SCTP connections go from state to state.

use super::Direction;
use crate::packet::TcpFlags;

/// TCP's states, in the order of `enum tcp_conntrack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpState {
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    /// Both ends sent a SYN.
    SynSent2,
}

/// What a segment does to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TcpStep {
    To(TcpState),
    /// It passes and changes nothing: the other end will tell.
    Ignored,
    Invalid,
}

impl TcpState {
    pub fn name(self) -> &'static str {
        match self {
            TcpState::SynSent => "SYN_SENT",
            TcpState::SynRecv => "SYN_RECV",
            TcpState::Established => "ESTABLISHED",
            TcpState::FinWait => "FIN_WAIT",
            TcpState::CloseWait => "CLOSE_WAIT",
            TcpState::LastAck => "LAST_ACK",
            TcpState::TimeWait => "TIME_WAIT",
            TcpState::Close => "CLOSE",
            TcpState::SynSent2 => "SYN_SENT2",
        }
    }

    /// The state that a first segment makes; none where it makes no connection. One in mid-stream
    /// is picked up (`nf_conntrack_tcp_loose`).
    pub(super) fn first(flags: TcpFlags) -> Option<TcpState> {
        match Segment::of(flags) {
            Segment::Syn => Some(TcpState::SynSent),
            Segment::Ack => Some(TcpState::Established),
            _ => None,
        }
    }

    /// The kernel's table (`tcp_conntracks`).
    pub(super) fn after(self, direction: Direction, flags: TcpFlags) -> TcpStep {
        let segment = Segment::of(flags);
        match (segment, direction) {
            (Segment::Rst, _) => TcpStep::To(TcpState::Close),
            (Segment::None, _) => TcpStep::Invalid,
            (Segment::Syn, Direction::Original) => self.after_syn(),
            (Segment::Syn, Direction::Reply) => self.after_reply_syn(),
            (Segment::SynAck, Direction::Original) => self.after_syn_ack(),
            (Segment::SynAck, Direction::Reply) => self.after_reply_syn_ack(),
            (Segment::Fin, _) => self.after_fin(),
            (Segment::Ack, _) => self.after_ack(direction),
        }
    }

    fn after_syn(self) -> TcpStep {
        match self {
            TcpState::SynSent | TcpState::TimeWait | TcpState::Close => {
                TcpStep::To(TcpState::SynSent)
            }
            TcpState::SynSent2 => TcpStep::To(TcpState::SynSent2),
            _ => TcpStep::Ignored,
        }
    }

    fn after_reply_syn(self) -> TcpStep {
        match self {
            TcpState::SynSent | TcpState::SynSent2 => TcpStep::To(TcpState::SynSent2),
            TcpState::TimeWait => TcpStep::To(TcpState::SynSent),
            _ => TcpStep::Invalid,
        }
    }

    fn after_syn_ack(self) -> TcpStep {
        match self {
            TcpState::SynRecv | TcpState::SynSent2 => TcpStep::To(TcpState::SynRecv),
            _ => TcpStep::Invalid,
        }
    }

    fn after_reply_syn_ack(self) -> TcpStep {
        match self {
            TcpState::SynSent | TcpState::SynSent2 => TcpStep::To(TcpState::SynRecv),
            _ => TcpStep::Ignored,
        }
    }

    fn after_fin(self) -> TcpStep {
        match self {
            TcpState::SynSent | TcpState::SynSent2 => TcpStep::Invalid,
            TcpState::SynRecv | TcpState::Established => TcpStep::To(TcpState::FinWait),
            TcpState::FinWait | TcpState::CloseWait | TcpState::LastAck => {
                TcpStep::To(TcpState::LastAck)
            }
            TcpState::TimeWait | TcpState::Close => TcpStep::To(self),
        }
    }

    fn after_ack(self, direction: Direction) -> TcpStep {
        match (self, direction) {
            (TcpState::SynSent | TcpState::SynSent2, Direction::Original) => TcpStep::Invalid,
            (TcpState::SynSent | TcpState::SynSent2, Direction::Reply) => TcpStep::Ignored,
            (TcpState::SynRecv, Direction::Original) => TcpStep::To(TcpState::Established),
            (TcpState::FinWait, _) => TcpStep::To(TcpState::CloseWait),
            (TcpState::LastAck, _) => TcpStep::To(TcpState::TimeWait),
            (state, _) => TcpStep::To(state),
        }
    }
}

/// What a segment counts as (`get_conntrack_index`).
enum Segment {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    None,
}

impl Segment {
    fn of(flags: TcpFlags) -> Segment {
        match flags {
            TcpFlags { rst: true, .. } => Segment::Rst,
            TcpFlags { syn: true, ack: true, .. } => Segment::SynAck,
            TcpFlags { syn: true, .. } => Segment::Syn,
            TcpFlags { fin: true, .. } => Segment::Fin,
            TcpFlags { ack: true, .. } => Segment::Ack,
            _ => Segment::None,
        }
    }
}

/// SCTP's states on its way to an association. The lab's packets carry no chunks: the four-way
/// handshake is told by their directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SctpState {
    CookieWait,
    CookieEchoed,
    Established,
}

impl SctpState {
    pub fn name(self) -> &'static str {
        match self {
            SctpState::CookieWait => "COOKIE_WAIT",
            SctpState::CookieEchoed => "COOKIE_ECHOED",
            SctpState::Established => "ESTABLISHED",
        }
    }

    /// INIT and INIT ACK, COOKIE ECHO, COOKIE ACK.
    pub(super) fn after(self, direction: Direction, answered: bool) -> SctpState {
        match (self, direction) {
            (SctpState::CookieWait, Direction::Original) if answered => SctpState::CookieEchoed,
            (SctpState::CookieEchoed, Direction::Reply) => SctpState::Established,
            (state, _) => state,
        }
    }
}
