/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Baton's ABI, revision 1.1: what a guest calls to stage its successor and to start it.
 *
 * C11 and C++; needs no other header. The conventions are Arm's SMCCC 1.2 (DEN0028), service range
 * "vendor-specific hypervisor" (owner 6). A call is HVC #0 or SMC #0 with the function in W0 and
 * arguments in X1 to X5; it returns a status in X0 (one of baton_error, or BATON_OK, or BATON_MORE)
 * and values in X1 to X3, which are 0 where nothing is said of them. All other registers are kept.
 * A function that this Baton does not know returns BATON_NOT_SUPPORTED and does nothing.
 *
 * Addresses are guest physical. What they point to must be the guest's own RAM, used as Normal
 * Write-Back memory; it may cross pages and need not be aligned. Baton reads it once, and acts on
 * what it read. Structs are little-endian and grow at their end only: a caller passes the size that
 * it was compiled with. Fields and flags that have no meaning yet are 0.
 *
 * Each call says whether several vCPUs may make it at once. The calls that change what is staged
 * (BATON_LOAD_* and BATON_EXEC) are one at a time: of two, one returns BATON_BUSY, has done nothing
 * and may be made again.
 *
 * A caller stages an image like this:
 *
 *     BATON_LOAD_BEGIN    the pieces and their sizes -> an id
 *     BATON_LOAD_COPY     piece after piece, at most BATON_MAX_CHUNK bytes a call
 *     BATON_LOAD_SEAL     SHA-256 and entropy, until it no longer returns BATON_MORE
 *     BATON_EXEC          now, or SYSTEM_RESET, or SYSTEM_RESET2 with type BATON_RESET_TYPE
 *
 * Nothing before the exec changes the running kernel or its memory. An exec consumes the image.
 */
#ifndef BATON_H
#define BATON_H

#ifdef __cplusplus
#define BATON_ASSERT_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
#define BATON_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif

typedef unsigned char baton_u8;
typedef unsigned int baton_u32;
typedef unsigned long long baton_u64;

BATON_ASSERT_SIZE(baton_u32, 4);
BATON_ASSERT_SIZE(baton_u64, 8);

/* What X0 holds after a call, as a signed number. -1 and -3 are SMCCC's. */
#define BATON_OK 0
#define BATON_MORE 1 /* BATON_LOAD_SEAL: not done yet, make the same call again */

enum baton_error {
    BATON_NOT_SUPPORTED = -1,     /* Baton does not know the function */
    BATON_INVALID_PARAMETER = -3, /* a size, number, kind or flag that the call does not take */
    BATON_NOT_ALLOWED = -16,  /* not this VM's to do, or refused by an option (baton.load=off) */
    BATON_BUSY = -17,         /* another vCPU stages or execs, or a load is in progress */
    BATON_BAD_ADDRESS = -18,  /* not wholly the guest's own RAM, or the range wraps */
    BATON_STALE = -19,        /* the id is not that of the load in progress, or staged */
    BATON_OUT_OF_ORDER = -20, /* the chunk begins beyond what has been copied */
    BATON_OVERLAP = -21,      /* the chunk begins within what has been copied */
    BATON_BAD_MAGIC = -22,    /* the kernel is no arm64 Image (still compressed?) */
    BATON_BAD_HEADER = -23,   /* an Image that cannot run here: byte order, page size, no size */
    BATON_TOO_BIG = -24,      /* does not fit the slot; X1 = bytes needed, X2 = bytes of the slot */
    BATON_BAD_COMMAND_LINE = -25, /* longer than BATON_MAX_COMMAND_LINE, or it holds a NUL */
    BATON_INCOMPLETE = -26,       /* seal before everything was copied; X1 = bytes missing */
    BATON_BAD_DIGEST = -27, /* what was copied is not what the caller meant; the load is over */
    BATON_NOT_SEALED = -28, /* nothing is staged that could be started */
    BATON_NO_MEMORY = -29,  /* Baton has no room left for the DTB or the page tables */
    BATON_TRUSTED_OS =
        -31 /* BATON_HOST_KEXEC: the firmware has a Trusted OS that lives on one CPU */
};

/* ---- Discovery. Any vCPU, any time ---- */

/*
 * Call UID (DEN0028 7.2): W0 to W3 = BATON_UID_0 to BATON_UID_3, which is the UUID
 * 3f162356-b2db-428d-9569-69679e392805 with its bytes in order. Ask this first: another hypervisor
 * may mean something else by every number below.
 */
#define BATON_CALL_UID 0x8600ff01u
#define BATON_UID_0 0x5623163fu
#define BATON_UID_1 0x8d42dbb2u
#define BATON_UID_2 0x67696995u
#define BATON_UID_3 0x0528399eu

/*
 * X0 = BATON_REVISION_MAJOR, X1 = BATON_REVISION_MINOR of the Baton below. A major number other
 * than the caller's: do not use it. A greater minor number: all of this header holds.
 */
#define BATON_REVISION 0x8600ff03u
#define BATON_REVISION_MAJOR 1
#define BATON_REVISION_MINOR 1

/* X0 = the BATON_HAS_ bits of what this Baton can do. */
#define BATON_FEATURES 0x86000000u
#define BATON_HAS_LOAD (1u << 0)
#define BATON_HAS_EXEC (1u << 1)
#define BATON_HAS_RESET2 (1u << 2)
#define BATON_HAS_STATUS (1u << 3)
#define BATON_HAS_TRACE (1u << 4)
#define BATON_HAS_LOG (1u << 5)
#define BATON_HAS_HOST (1u << 6) /* BATON_HOST_KEXEC */
#define BATON_HAS_VMS (1u << 7)  /* BATON_VM_*, baton_load.vm, BATON_DOORBELL */

/* ---- Load. One at a time ---- */

#define BATON_MAX_CHUNK 65536u       /* bytes a BATON_LOAD_COPY */
#define BATON_MAX_PIECES 16u         /* of a load */
#define BATON_MAX_COMMAND_LINE 4095u /* bytes, without a NUL at the end */

enum baton_load_kind {
    BATON_GUEST_KEXEC = 0, /* the next kernel of this VM, entered at EL1 */
    BATON_HOST_KEXEC = 1   /* in the place of Baton and all above it, entered at EL2 */
};

enum baton_piece_kind {
    BATON_PIECE_KERNEL = 1,       /* an arm64 Image; exactly one, and the first piece */
    BATON_PIECE_INITRD = 2,       /* at most one */
    BATON_PIECE_COMMAND_LINE = 3, /* /chosen/bootargs; at most one */
    /* BATON_HOST_KEXEC: at most 12 multiboot,module nodes of /chosen, in this order of addresses.
     */
    BATON_PIECE_MODULE_KERNEL = 4,
    BATON_PIECE_MODULE_RAMDISK = 5,
    BATON_PIECE_MODULE_ARGUMENTS = 6 /* bootargs of the module that is the piece before */
};

struct baton_piece {
    baton_u32 kind; /* enum baton_piece_kind */
    baton_u32 reserved;
    baton_u64 size; /* bytes, not 0 */
};

struct baton_load {
    baton_u32 kind; /* enum baton_load_kind */
    baton_u32 flags;
    baton_u32 piece_count; /* 1 to BATON_MAX_PIECES */
    baton_u32
        vm; /* whose next kernel it is: 0 = the caller's; another's number: the host VM only */
    struct baton_piece pieces[BATON_MAX_PIECES]; /* copied in this order */
};
BATON_ASSERT_SIZE(struct baton_load, 272);

/*
 * Begins a load: X1 = address of a struct baton_load, X2 = its size. Returns X1 = the load's id,
 * not 0 and never used again. An image that is staged already is dropped, but only when nothing
 * stands against the new load.
 * The id says which VM it is for: the calls below need no other word of it.
 * INVALID_PARAMETER, NOT_ALLOWED, BAD_ADDRESS, TRUSTED_OS; BUSY, also while another load is
 * in progress (BATON_LOAD_DROP ends that, whoever began it); TOO_BIG if the sizes alone do not fit
 * the slot; BAD_COMMAND_LINE by its size.
 */
#define BATON_LOAD_BEGIN 0xc6000001u

/*
 * Copies a chunk: X1 = id, X2 = number of the piece, X3 = offset in it, X4 = address, X5 = bytes, 1
 * to BATON_MAX_CHUNK. Pieces and chunks come in order and without gaps; the kernel's first chunk
 * has at least the 64 bytes of its header, and what is wrong with the header is told there. STALE,
 * INVALID_PARAMETER, BAD_ADDRESS, OUT_OF_ORDER, OVERLAP, BAD_MAGIC, BAD_HEADER, TOO_BIG (with the
 * kernel's image_size counted), BAD_COMMAND_LINE, BUSY. Whatever is returned but BATON_OK: the
 * chunk does not count.
 */
#define BATON_LOAD_COPY 0xc6000002u

#define BATON_SEAL_ENTROPY (1u << 0)

struct baton_seal {
    baton_u8 digest[32];  /* SHA-256 of all pieces in order, as one string of bytes */
    baton_u8 entropy[64]; /* becomes kaslr-seed and rng-seed; keep no copy of it */
    baton_u32 flags;      /* BATON_SEAL_ENTROPY: entropy is there; else the next kernel gets none */
    baton_u32 reserved;
};
BATON_ASSERT_SIZE(struct baton_seal, 104);

/*
 * Seals a load: X1 = id, X2 = address of a struct baton_seal, X3 = its size. From the first call on
 * nothing can be copied. Returns BATON_MORE with X1 = bytes that are left to do as long as there is
 * more: so no call takes long. Later calls read no struct. BATON_OK: the image is staged, complete,
 * and what starts it is its id.
 * STALE, INVALID_PARAMETER, BAD_ADDRESS, INCOMPLETE, BUSY; BAD_DIGEST and NO_MEMORY end the load.
 */
#define BATON_LOAD_SEAL 0xc6000003u

/*
 * Drops a load in progress or the staged image: X1 = its id, or 0 for whatever there is, which may
 * be nothing for the caller's own VM. STALE, BUSY.
 */
#define BATON_LOAD_DROP 0xc6000004u

/* ---- Exec. One at a time ---- */

/*
 * Starts the staged image: X1 = flags, 0; X2 = its id, or 0 for whichever it is. Does not return
 * when it succeeds: all vCPUs are torn down, and the calling one enters the new kernel. The others
 * are off, for PSCI CPU_ON (the firmware's, after a BATON_HOST_KEXEC). From any vCPU, in any state.
 * With the id of another VM's image, which the host VM has staged, it returns BATON_OK: that VM, be
 * it running or off, has been told, and enters the image by itself.
 * INVALID_PARAMETER, NOT_SEALED, STALE, BUSY.
 */
#define BATON_EXEC 0xc6000005u

/*
 * PSCI SYSTEM_RESET2 (0x84000012, 0xc4000012) with this vendor-specific type and the cookie 0, or
 * the image's id, is the same. Where BATON_EXEC returns an error, it returns PSCI's: DENIED (-3) if
 * nothing is staged, INVALID_PARAMETERS (-2) if the cookie is not its id.
 * SYSTEM_RESET and SYSTEM_RESET2 with type 0 start a staged image too, and really reset the machine
 * if there is none. To reset it whatever is staged: BATON_LOAD_DROP first.
 */
#define BATON_RESET_TYPE 0x80000000u

/* ---- Status. Any vCPU, any time ---- */

enum baton_load_state {
    BATON_EMPTY = 0,
    BATON_LOADING = 1, /* between BATON_LOAD_BEGIN and the first BATON_LOAD_SEAL */
    BATON_SEALING = 2,
    BATON_STAGED = 3 /* the next exec starts it */
};

struct baton_status {
    baton_u32 cpus;   /* of the VM */
    baton_u32 online; /* in the guest, or on their way in or out */
    baton_u32 parked; /* off: PSCI CPU_ON starts them */
    baton_u32 lost;   /* missed a handover's deadline, or never came up: not to be had */

    baton_u64 slot_size;    /* bytes of each of the two slots */
    baton_u64 running_slot; /* address of the one that the running kernel was started in */
    baton_u64 spare_slot;   /* address of the other, which is not the guest's */

    baton_u32 load_state; /* enum baton_load_state */
    baton_u32 load_kind;  /* enum baton_load_kind */
    baton_u64 load_id;    /* 0 if there is none */
    baton_u64 load_size;  /* bytes of all pieces */
    baton_u64 load_done;  /* bytes copied of them */
    baton_u64 load_needs; /* bytes of the slot; 0 while the kernel's header is not known */
    /* What Baton has spent on it so far, in ns. */
    baton_u64 copy_ns;
    baton_u64 digest_ns;
    baton_u64 clean_ns; /* to the point of coherency */

    baton_u64 handovers;   /* since Baton booted; that a VM was started by, too */
    baton_u64 blackout_ns; /* of the last: exec to the new kernel's first instruction; 0: none */
    baton_u32 last_cpus;   /* that took part in it, lost ones included */
    baton_u32 last_lost;

    baton_u32 watchdog_s; /* baton.watchdog, 0 for none */
    baton_u32 max_chunk;  /* BATON_MAX_CHUNK of this Baton */
};
BATON_ASSERT_SIZE(struct baton_status, 136);

/*
 * X1 = address of a struct baton_status, X2 = its size, at least 8. Returns X1 = bytes written:
 * what the caller has room for and Baton knows. A moment's truth. INVALID_PARAMETER, BAD_ADDRESS.
 */
#define BATON_STATUS 0xc6000006u

/* ---- Several VMs. Any vCPU, any time ---- */

/* A VM's number is its place among the machine's, from 0, which is the host VM. */

enum baton_vm_state {
    BATON_VM_OFF = 0, /* none of its vCPUs runs */
    BATON_VM_RUNNING = 1
};

struct baton_vm_status {
    baton_u32 number;
    baton_u32 state;  /* enum baton_vm_state */
    baton_u64 memory; /* bytes that its kernel has */
    char name[32];    /* its node's in the boot description, or "host"; NUL at the end */
    struct baton_status status;
};
BATON_ASSERT_SIZE(struct baton_vm_status, 184);

/*
 * X1 = number of the VM, X2 = address of a struct baton_vm_status, X3 = its size, at least 8.
 * Returns X1 = bytes written. The host VM may ask for any, others for themselves.
 * INVALID_PARAMETER: there are not so many VMs. NOT_ALLOWED, BAD_ADDRESS.
 */
#define BATON_VM_STATUS 0xc600000au

enum baton_vm_operation {
    BATON_VM_START =
        0, /* one that is off, with its next boot image, or with what is staged for it */
    BATON_VM_STOP =
        1 /* one that runs: all its vCPUs are torn down, nothing is asked of its kernel */
};

/*
 * X1 = number of a VM other than the host VM, X2 = enum baton_vm_operation. The host VM only. The
 * VM has been told when it returns; BATON_VM_STATUS says when it is done. Nothing to do is no
 * error. INVALID_PARAMETER, NOT_ALLOWED; NOT_SEALED: it has no image to start with; BUSY.
 */
#define BATON_VM_POWER 0xc600000bu

/*
 * Rings the other VM of a shared memory region: X1 = number of the region (baton,region of its node
 * in the caller's DTB). The other VM gets the interrupt of its own node, an edge. What was written
 * to the region before is visible there. INVALID_PARAMETER: the caller has no such region.
 */
#define BATON_DOORBELL 0xc600000cu

/* ---- Trace of the last handover. Any vCPU, any time ---- */

#define BATON_MAX_STEPS 32u
#define BATON_NEVER (~0ull) /* a moment that did not come */

enum baton_stage {
    BATON_DRAIN = 0,    /* every CPU for itself */
    BATON_GATHER = 1,   /* the boot CPU alone */
    BATON_TAKE_DOWN = 2 /* every CPU for itself */
};

struct baton_step_info {
    char name[12];   /* NUL at the end */
    baton_u32 stage; /* enum baton_stage */
};

/* Moments are in ns from the exec. */
struct baton_trace {
    baton_u64 handover; /* counted from 1 */
    baton_u32 serial;   /* 1: one CPU after another */
    baton_u32 boot_cpu; /* a CPU's number is its place among the DTB's cpu nodes, from 0 */
    baton_u32 cpus;     /* that took part, lost ones included */
    baton_u32 lost;
    baton_u32 all_cpus;   /* numbers for BATON_TRACE_CPU are below this */
    baton_u32 step_count; /* at most BATON_MAX_STEPS */
    baton_u64 kicked;     /* all other CPUs have been told */
    baton_u64 gathered;   /* all have left the guest: the end of phase 1 */
    baton_u64 switched;   /* the end of phase 2 */
    baton_u64 taken_down; /* the end of phase 3 on the boot CPU */
    baton_u64 entered;    /* the new kernel begins: the blackout */
    struct baton_step_info steps[BATON_MAX_STEPS];
};
BATON_ASSERT_SIZE(struct baton_trace, 584);

/*
 * X1 = address of a struct baton_trace, X2 = its size, at least 8. Returns X1 = bytes written. If
 * there was no handover yet, `handover` is 0 and nothing else is said. INVALID_PARAMETER,
 * BAD_ADDRESS.
 */
#define BATON_TRACE 0xc6000007u

enum baton_fate {
    BATON_WAS_OFF = 0,    /* took no part */
    BATON_LED = 1,        /* the boot CPU */
    BATON_FOLLOWED = 2,   /* taken down */
    BATON_UNFINISHED = 3, /* still on its way down */
    BATON_LOST = 4        /* in this handover */
};

struct baton_step_time {
    baton_u64 begin;
    baton_u64 end;
};

struct baton_trace_cpu {
    baton_u64 handover; /* that of struct baton_trace, or there was another in between: ask again */
    baton_u64 mpidr;    /* affinity fields */
    baton_u32 number;
    baton_u32 fate;                                /* enum baton_fate */
    baton_u64 joined;                              /* out of the guest */
    baton_u64 arrived;                             /* at the barrier; the boot CPU: never */
    baton_u64 dead;                                /* its last step is done; the boot CPU: never */
    struct baton_step_time steps[BATON_MAX_STEPS]; /* in the order of struct baton_trace */
};
BATON_ASSERT_SIZE(struct baton_trace_cpu, 560);

/*
 * X1 = number of the CPU, X2 = address of a struct baton_trace_cpu, X3 = its size, at least 8.
 * Returns X1 = bytes written. INVALID_PARAMETER, BAD_ADDRESS.
 */
#define BATON_TRACE_CPU 0xc6000008u

/* ---- Log. Any vCPU, any time ---- */

/*
 * Reads Baton's messages, lines of text: X1 = position, counted in bytes since Baton booted, X2 =
 * address, X3 = room in bytes, 1 to BATON_MAX_CHUNK. Returns X1 = bytes written and X2 = the
 * position of the first of them, which is later than asked for if older ones have been overwritten.
 * The next to ask for is X2 + X1; 0 bytes are the end. INVALID_PARAMETER, BAD_ADDRESS.
 */
#define BATON_LOG 0xc6000009u

#endif
