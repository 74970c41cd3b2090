// Sets the theme before the first paint.  A file of its own and no module, because the server's Content-Security-Policy allows
// no inline script and a module would run after the paint.  theme.ts does the rest.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem('tidecast.theme');
  } catch (e) {
    /* Storage is off: follow the system. */
  }
  if (theme !== 'light' && theme !== 'dark') theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = theme;
})();
