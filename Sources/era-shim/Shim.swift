@_cdecl("era_shim_main") public func main() -> Int32 { 0 }
