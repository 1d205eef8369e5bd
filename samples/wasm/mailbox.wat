;; Prints what is written to the pipe box/NAME, line by line, for ever; NAME is its first argument, a greeting the second.
;;
;; It waits in path_open and fd_read for somebody to write: an engine without poll_oneoff can do that, too.
;; Exit codes: 2 without arguments, 3 without the pipe.
;; mailbox.wasm beside it is this: `wat2wasm mailbox.wat` makes it anew (of Debian's package wabt), and a test compares.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  ;; 0: address and length for one call; 8: its result; 16: the number of arguments; 20: their size;
  ;; 24: a descriptor; 256: the arguments' addresses; 1024: their text; 16384: what was read.
  (memory (export "memory") 1)

  (func $length (param $text i32) (result i32) (local $end i32)
    (local.set $end (local.get $text))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $end) (local.get $text)))

  (func $print (param $descriptor i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $text))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $descriptor) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $say (param $text i32)
    (call $print (i32.const 1) (local.get $text) (call $length (local.get $text)))
    (call $print (i32.const 1) (i32.const 160) (i32.const 1)))

  (func (export "_start") (local $name i32)
    (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
    ;; Room for 64 arguments of 15360 bytes together; three of them are used.
    (if (i32.or
          (i32.or (i32.lt_u (i32.load (i32.const 16)) (i32.const 3)) (i32.gt_u (i32.load (i32.const 16)) (i32.const 64)))
          (i32.gt_u (i32.load (i32.const 20)) (i32.const 15360)))
      (then
        (call $print (i32.const 2) (i32.const 64) (i32.const 29))
        (call $proc_exit (i32.const 2))))
    (drop (call $args_get (i32.const 256) (i32.const 1024)))
    (local.set $name (i32.load (i32.const 260)))
    (call $say (i32.load (i32.const 264)))
    (loop $forever
      ;; Descriptor 3 is the first directory that we are given. It comes back when somebody opens the pipe to write.
      (if (call $path_open (i32.const 3) (i32.const 1) (local.get $name) (call $length (local.get $name))
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 24))
        (then
          (call $print (i32.const 2) (i32.const 96) (i32.const 33))
          (call $proc_exit (i32.const 3))))
      (block $end
        (loop $more
          (i32.store (i32.const 0) (i32.const 16384))
          (i32.store (i32.const 4) (i32.const 4096))
          (br_if $end (call $fd_read (i32.load (i32.const 24)) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br_if $end (i32.eqz (i32.load (i32.const 8))))
          (call $print (i32.const 1) (i32.const 16384) (i32.load (i32.const 8)))
          (br $more)))
      (drop (call $fd_close (i32.load (i32.const 24))))
      (br $forever)))

  (data (i32.const 64) "usage: mailbox PIPE GREETING\0a")
  (data (i32.const 96) "there is no such pipe in the box\0a")
  (data (i32.const 160) "\0a"))
