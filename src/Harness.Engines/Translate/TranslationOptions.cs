namespace Harness.Engines.Translate;

/// <summary>How a translator works.</summary>
/// <param name="Emulates">Sensitive instructions that need no monitor are emulated in the cache.</param>
/// <param name="Adapts">Memory accesses that keep faulting on traced memory are translated anew.</param>
/// <param name="CacheBytes">Code that the cache holds; when it is full, it is emptied.</param>
internal sealed record TranslationOptions(bool Emulates, bool Adapts, uint CacheBytes);
