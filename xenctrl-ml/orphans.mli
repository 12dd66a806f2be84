(** Claims that were left over: their domain is not built, and nobody builds it any more.

    A builder that dies leaves its domain as it was: paused, never started, and with all that it
    still claims (1.10). Xen does not know who builds a domain, so that this is also what a domain
    looks like while it is being built. A builder at work populates, which uses up claims, so that
    what changes is no orphan. What does not change need not be one: a domain that is being restored
    or migrated in waits for another host or a disk, for minutes, and then looks the same. Nothing
    Xen says tells these apart; its toolstack knows, and has to be asked.

    Numbers of the form 1.10 are sections of [docs/contract.md]. *)

val candidates : Xenctrl.domain_info list -> Xenctrl.domain_info list
(** [candidates domains] are those of [domains] that claim something, are paused, were never
    started, and are not being destroyed. *)

val unchanged :
  before:Xenctrl.domain_info list -> now:Xenctrl.domain_info list -> Xenctrl.domain_info list
(** [unchanged ~before ~now] are the {!candidates} of [now] that [before] has with the same memory,
    maximum and claims: those of which somebody who knows what the toolstack does may say that they
    were left over. *)
