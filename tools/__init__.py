"""What `./dev` is made of. Nothing here is imported by the addon.

With the checkout's root on `sys.path`, everything is reached as `tools.<noun>`; importing it never imports the
addon itself. Only the standard library is used, save where a docstring says otherwise.
"""
