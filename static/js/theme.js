/* Applies the stored theme before the first paint. "" follows the system. */
(() => {
  const read = () => {
    try {
      return localStorage.getItem("theme") || "";
    } catch {
      return ""; // storage may be disabled
    }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  apply(read());

  window.mutoscopeTheme = {
    read,
    set(theme) {
      try {
        if (theme) localStorage.setItem("theme", theme);
        else localStorage.removeItem("theme");
      } catch {
        // the theme is then not stored
      }
      apply(theme);
    },
  };
  // Another tab changed it.
  addEventListener("storage", (event) => event.key === "theme" && apply(event.newValue || ""));
})();
